import { subscribe, unsubscribe } from "node:diagnostics_channel";

import { expect, onTestFinished, test } from "vitest";

import type { StoreDriver } from "../src/driver.ts";
import { createStore, type HealthMessage, StoreError } from "../src/index.ts";
import { type ManualClock, manualClock, mapDriver } from "../src/testing/index.ts";
import { bytes, failure, hang, recorded, unavailable } from "./support.ts";

test("metrics count and time calls by kind, errors among them", async () => {
  const clock = manualClock();
  const inner = mapDriver({ clock });
  const driver: StoreDriver = { ...inner };
  const store = await createStore(driver, { clock });
  expect(store.metrics()).toEqual({
    read_operations: 0,
    write_operations: 0,
    delete_operations: 0,
    read_latency_avg: 0,
    write_latency_avg: 0,
    delete_latency_avg: 0,
    error_count: 0,
    cache_hits: 0,
    cache_misses: 0,
  });
  const slow = <T>(ms: number, call: () => Promise<T>): Promise<T> =>
    new Promise((resolve) => clock.after(ms, () => resolve(call())));
  driver.get = (key) => slow(10, () => inner.get(key));
  driver.put = (key, value, when) => slow(30, () => inner.put(key, value, when));
  driver.delete = (key, when) => slow(7, () => inner.delete(key, when));
  const all = Promise.all([store.get("a"), store.put("b", bytes("b"), "always"), store.delete("c", "always")]);
  await clock.advance(30);
  await all;
  driver.get = async () => {
    throw unavailable("none");
  };
  await failure(store.get("a"));
  expect(store.metrics()).toMatchObject({
    read_operations: 2,
    write_operations: 1,
    delete_operations: 1,
    read_latency_avg: 5,
    write_latency_avg: 30,
    delete_latency_avg: 7,
    error_count: 1,
  });
});

test("periodic health is remembered, published, and stops with the store", async () => {
  const manual = manualClock();
  const timers = new Set<object>();
  const clock: ManualClock = {
    ...manual,
    after(ms, fn) {
      const timer = {};
      timers.add(timer);
      const cancel = manual.after(ms, () => {
        timers.delete(timer);
        fn();
      });
      return () => {
        timers.delete(timer);
        cancel();
      };
    },
  };
  const driver = mapDriver({ clock });
  const messages: HealthMessage[] = [];
  const note = (message: unknown): void => void messages.push(message as HealthMessage);
  subscribe("orbit.health", note);
  onTestFinished(() => void unsubscribe("orbit.health", note));
  const answers = [
    async () => ({ status: "healthy", latencyMs: 1 }) as const,
    async () => {
      throw new StoreError("UNAVAILABLE", "the line is down");
    },
    hang,
  ];
  let asked = 0;
  driver.health = () => answers[asked++ % 3]!();
  const store = await createStore(driver, { clock, healthCheckIntervalMs: 100 });
  expect(store.lastHealth).toBeUndefined();
  await clock.advance(0);
  expect(store.lastHealth).toEqual({ status: "healthy", latencyMs: 1 });
  await clock.advance(100);
  expect(store.lastHealth).toMatchObject({ status: "unhealthy", cause: expect.stringContaining("the line is down") });
  await clock.advance(200);
  expect(store.lastHealth).toMatchObject({
    status: "unhealthy",
    cause: expect.stringContaining("TIMEOUT"),
    latencyMs: 100,
  });
  expect(messages.map(({ health }) => health.status)).toEqual(["healthy", "unhealthy", "unhealthy"]);
  await store.close();
  expect(timers.size).toBe(0);
  await clock.advance(1_000);
  expect(asked).toBe(3);
  // A check that is under way when the store is closed tells nothing any more.
  const other = await createStore(Object.assign(mapDriver({ clock }), { health: hang }), {
    clock,
    healthCheckIntervalMs: 100,
  });
  await other.close();
  await clock.advance(1_000);
  expect(messages).toHaveLength(3);
  expect(timers.size).toBe(0);
});

test("without an interval nobody asks for health but the caller", async () => {
  const { driver, calls } = recorded(mapDriver());
  const store = await createStore(driver);
  expect(calls.some(({ operation }) => operation === "health")).toBe(false);
  expect(await store.health()).toEqual({ status: "healthy", latencyMs: 0 });
  expect(store.lastHealth).toBeUndefined();
});
