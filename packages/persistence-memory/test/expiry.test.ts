import type { StoreDriver } from "@orbit/persistence/driver";
import { manualClock, type ManualClock, seededRandom } from "@orbit/persistence/testing";
import { beforeEach, expect, test } from "vitest";

import { memory, memoryData, type MemoryData } from "../src/index.ts";
import { bytes, keysOf, won } from "./helpers.ts";

let clock: ManualClock;
let data: MemoryData;
let driver: StoreDriver;

beforeEach(async () => {
  clock = manualClock();
  data = memoryData({ clock });
  driver = memory({}, { data });
  await driver.open();
});

test("an entry is there until its time to live, rounded up, has passed, and gone from then on", async () => {
  await driver.put("k", bytes("1"), "absent", { ttlMs: 99.2 });
  await clock.advance(99.9);
  expect(await driver.get("k")).toMatchObject({ ageMs: 99.9 });
  await clock.advance(0.1);
  expect(await driver.get("k")).toBeUndefined();
  expect(await keysOf(driver)).toEqual([]);
  expect(await driver.put("k", bytes("2"), "absent")).toMatchObject({ ok: true });
});

test("what has expired is a conflict for an update and no obstacle for a create, through another instance too", async () => {
  const other = memory({}, { data });
  const version = won(await driver.put("k", bytes("1"), "absent", { ttlMs: 100 }));
  await clock.advance(100);
  expect(await other.put("k", bytes("2"), { version })).toEqual({ ok: false, current: undefined });
  expect(await other.commit?.([{ key: "k", when: "absent" }], [])).toMatchObject({ ok: true });
  expect(await other.delete("k", { version })).toEqual({ ok: false, current: undefined });
});

test("an update takes the time to live that it brings, longer, shorter or none", async () => {
  const put = (ttlMs: number | undefined): Promise<unknown> => driver.put("k", bytes("1"), "always", { ttlMs });
  const lives = async (ms: number): Promise<boolean> => {
    await clock.advance(ms);
    return (await driver.get("k")) !== undefined;
  };
  await put(100);
  await put(300);
  expect(await lives(299)).toBe(true);
  await put(50);
  expect(await lives(49)).toBe(true);
  expect(await lives(1)).toBe(false);
  await put(100);
  await put(undefined);
  expect(await lives(1_000_000)).toBe(true);
});

test("expired entries leave memory although nobody asks for them", async () => {
  for (let at = 0; at < 100; at += 1) await driver.put(`k${at}`, bytes("1"), "absent", { ttlMs: 100 + at });
  await clock.advance(149);
  expect(data.entries).toBe(50);
  await clock.advance(50);
  expect(data.entries).toBe(0);
});

test("renewals and replacements of any pattern end each entry at its own time", async () => {
  const ends = new Map<string, number>();
  const source = seededRandom(7);
  const random = (below: number): number => Math.floor(source.number() * below);
  for (let step = 0; step < 20_000; step += 1) {
    const key = `k${random(50)}`;
    const ttlMs = random(4) === 0 ? undefined : 1 + random(200);
    if (random(10) === 0) {
      await driver.delete(key, "always");
      ends.delete(key);
    } else {
      await driver.put(key, bytes("1"), "always", { ttlMs });
      ends.set(key, ttlMs === undefined ? Number.POSITIVE_INFINITY : clock.now() + ttlMs);
    }
    if (step % 20 > 0) continue;
    await clock.advance(random(30));
    for (const [name, end] of ends) if (end <= clock.now()) ends.delete(name);
    expect(await keysOf(driver)).toEqual([...ends.keys()].sort());
    expect(data.entries).toBe(ends.size);
  }
}, 60_000);

test("ages count from the last write, by the store's clock", async () => {
  await driver.put("k", bytes("1"), "absent");
  await clock.advance(500);
  clock.stepWall(-3_600_000);
  expect(await driver.get("k")).toMatchObject({ ageMs: 500 });
  await driver.put("k", bytes("1"), "always");
  expect(await driver.get("k")).toMatchObject({ ageMs: 0 });
});

test("an age is never told longer than it is", async () => {
  await clock.advance(0.7);
  await driver.put("k", bytes("1"), "absent");
  await clock.advance(0.2);
  expect(await driver.get("k")).toMatchObject({ ageMs: 0 });
  await clock.advance(10);
  const { ageMs = 99 } = (await driver.get("k")) ?? {};
  expect(ageMs).toBeGreaterThan(9);
  expect(ageMs).toBeLessThanOrEqual(10.2);
});

test("a session's keys vanish with it, by time or revocation, and by nothing else", async () => {
  const session = await driver.session?.(1000);
  await driver.put("a", bytes("1"), "absent", { session });
  await driver.put("b", bytes("1"), "absent", { session });
  await driver.put("c", bytes("1"), "absent", { session });
  await driver.put("d", bytes("1"), "absent", { session, ttlMs: 500 });
  // A write without the session unties its key.
  await driver.put("b", bytes("2"), "always");
  await driver.delete("c", "always");
  await driver.put("c", bytes("2"), "absent");
  await clock.advance(999);
  expect(await keysOf(driver)).toEqual(["a", "b", "c"]);
  await session?.keepAlive();
  await clock.advance(999);
  expect(await keysOf(driver)).toEqual(["a", "b", "c"]);
  await clock.advance(1);
  expect(await keysOf(driver)).toEqual(["b", "c"]);
  await expect(session?.keepAlive()).rejects.toMatchObject({ code: "LEASE_LOST" });
  await expect(driver.put("e", bytes("1"), "absent", { session })).rejects.toMatchObject({ code: "LEASE_LOST" });
  await session?.revoke();
  const second = await driver.session?.(1000);
  await driver.put("e", bytes("1"), "absent", { session: second });
  await second?.revoke();
  await second?.revoke();
  expect(await keysOf(driver)).toEqual(["b", "c"]);
});

test("a key moves from one session to another, whose end alone removes it", async () => {
  const [first, second] = [await driver.session?.(100), await driver.session?.(300)];
  await driver.put("k", bytes("1"), "absent", { session: first });
  await driver.put("k", bytes("2"), "always", { session: second });
  await clock.advance(299);
  expect(await keysOf(driver)).toEqual(["k"]);
  await clock.advance(1);
  expect(await keysOf(driver)).toEqual([]);
});
