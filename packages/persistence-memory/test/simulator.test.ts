import { createStore } from "@orbit/persistence";
import type { StoreDriver, Version } from "@orbit/persistence/driver";
import { manualClock, type ManualClock, seededRandom } from "@orbit/persistence/testing";
import { beforeEach, expect, test } from "vitest";

import { etcdLike, memory, objectStore, redisLike, simulate, type Simulation } from "../src/index.ts";
import { bytes, keysOf, textOf, won } from "./helpers.ts";

let clock: ManualClock;
let inner: StoreDriver;

beforeEach(async () => {
  clock = manualClock();
  inner = memory({}, { clock });
  await inner.open();
});

const as = (simulation: Simulation): StoreDriver => simulate(inner, simulation, { clock, random: seededRandom(1) });

const OPTIONAL = ["getMany", "write", "commit", "watch", "session", "nextFence"] as const;

test.each([
  ["object store", objectStore, []],
  ["etcd-like", etcdLike, ["commit", "watch", "session"]],
  ["redis-like", redisLike, ["getMany", "write", "watch"]],
  ["nothing taken away", {}, OPTIONAL],
] as const)("%s has exactly the methods that it declares", (_, simulation, methods) => {
  const driver = as(simulation);
  expect(OPTIONAL.filter((method) => driver[method] !== undefined)).toEqual(methods);
});

test("a store opens over each preset, and the probe finds out about stale deletes by itself", async () => {
  for (const preset of [objectStore, etcdLike, redisLike]) {
    const store = await createStore(simulate(memory(), preset));
    expect(await store.put("k", bytes("1"), "absent")).toMatchObject({ ok: true });
    expect(textOf(await store.get("k"))).toBe("1");
    expect(store.capabilities.conditionalDelete).toBe(preset !== objectStore);
    await store.close();
  }
});

test("without conditional deletes a stale delete goes through", async () => {
  const driver = as(objectStore);
  const stale = won(await driver.put("k", bytes("1"), "absent"));
  await driver.put("k", bytes("2"), "always");
  expect(await driver.delete("k", { version: stale })).toEqual({ ok: true });
  expect(await driver.get("k")).toBeUndefined();
  expect(await as(etcdLike).delete("k", { version: stale })).toMatchObject({ ok: false });
});

test("ages come in whole steps, as from a store that tells two times cut to the second", async () => {
  const driver = as(objectStore);
  await clock.advance(900);
  await driver.put("k", bytes("1"), "absent");
  await clock.advance(99);
  expect(await driver.get("k")).toMatchObject({ ageMs: 0 });
  await clock.advance(1);
  expect(await driver.get("k")).toMatchObject({ ageMs: 1000 });
  await clock.advance(999);
  expect(await driver.get("k")).toMatchObject({ ageMs: 1000 });
  const lost = await driver.put("k", bytes("2"), "absent");
  expect(lost).toMatchObject({ ok: false, current: { ageMs: 1000 } });
});

test("an observer store tells no ages, in no answer", async () => {
  const driver = as({ capabilities: { clock: "observer" } });
  await driver.put("k", bytes("1"), "absent");
  const lost = await driver.put("k", bytes("2"), "absent");
  const [page] = await Array.fromAsync(driver.scan({ prefix: "" }));
  const commit = await driver.commit?.([{ key: "k", when: "absent" }], []);
  const entries = [
    await driver.get("k"),
    (await driver.getMany?.(["k"]))?.[0],
    page?.[0],
    lost.ok ? undefined : lost.current,
    commit?.ok === false ? commit.conflicts[0]?.current : undefined,
  ];
  for (const entry of entries) {
    expect(entry).toMatchObject({ key: "k" });
    expect(entry).not.toHaveProperty("ageMs");
  }
});

test("ages are wrong by at most the skew between front ends", async () => {
  const driver = as({ capabilities: { limits: { clockSkewMs: 50 } } });
  await driver.put("k", bytes("1"), "absent");
  await clock.advance(1000);
  const ages = await Promise.all(Array.from({ length: 200 }, async () => (await driver.get("k"))?.ageMs ?? 0));
  expect(Math.min(...ages)).toBeLessThan(970);
  expect(Math.min(...ages)).toBeGreaterThanOrEqual(950);
  expect(Math.max(...ages)).toBeGreaterThan(1030);
  expect(Math.max(...ages)).toBeLessThanOrEqual(1050);
});

test("times to live take whole steps upwards, or are refused where the store has none", async () => {
  const driver = as(etcdLike);
  await driver.put("k", bytes("1"), "absent", { ttlMs: 1001 });
  const session = await driver.session?.(10);
  expect(session?.ttlMs).toBe(1000);
  await clock.advance(1999);
  expect(await driver.get("k")).toBeDefined();
  await clock.advance(1);
  expect(await driver.get("k")).toBeUndefined();
  const blobs = as(objectStore);
  await expect(blobs.put("k", bytes("1"), "absent", { ttlMs: 1 })).rejects.toMatchObject({ code: "UNSUPPORTED" });
  await expect(blobs.put("k", bytes("1"), "absent", { session })).rejects.toMatchObject({ code: "UNSUPPORTED" });
  expect(await keysOf(inner)).toEqual([]);
});

test("limits are enforced, in bulk one by one", async () => {
  const driver = as({ capabilities: { limits: { maxKeyBytes: 4, maxValueBytes: 3, maxCommitOps: 2 } } });
  const put = (key: string, value: string) => ({ type: "put", key, value: bytes(value), when: "always" }) as const;
  await expect(driver.put("12345", bytes("1"), "always")).rejects.toMatchObject({ code: "TOO_LARGE" });
  await expect(driver.put("1234", bytes("1234"), "always")).rejects.toMatchObject({ code: "TOO_LARGE" });
  await expect(driver.commit?.([], [put("a", "1"), put("b", "1"), put("c", "1")])).rejects.toMatchObject({
    code: "TOO_LARGE",
  });
  await expect(driver.commit?.([], [put("a", "1"), put("b", "1234")])).rejects.toMatchObject({ code: "TOO_LARGE" });
  expect(await keysOf(inner)).toEqual([]);
  const answers = await driver.write?.([put("a", "1"), put("12345", "1"), put("b", "1"), put("c", "1234")]);
  expect(answers?.map((answer) => ("code" in answer ? answer.code : answer.ok))).toEqual([
    true,
    "TOO_LARGE",
    true,
    "TOO_LARGE",
  ]);
  expect(await keysOf(inner)).toEqual(["a", "b"]);
});

test("pages hold as many entries as said; listings without values fetch each, and skip what is gone by then", async () => {
  for (let at = 0; at < 25; at += 1) await inner.put(`k${String(at).padStart(2, "0")}`, bytes("1"), "absent");
  const driver = as({ ...objectStore, pageEntries: 10 });
  const sizes: number[] = [];
  const values: (string | undefined)[] = [];
  for await (const page of driver.scan({ prefix: "k" })) {
    sizes.push(page.length);
    values.push(...page.map(textOf));
    await inner.delete("k15", "always");
    await inner.put("k24", bytes("newer"), "always");
  }
  expect(sizes).toEqual([10, 9, 5]);
  expect(values.at(-1)).toBe("newer");
  const [listed] = await Array.fromAsync(driver.scan({ prefix: "k", keysOnly: true }));
  expect(listed?.[0]?.value).toHaveLength(0);
});

test.each([
  ["a best-effort watch starts anew whatever cursor it is given", redisLike, { type: "resync" }],
  ["a resumable watch resumes", etcdLike, [{ type: "put", entry: { key: "k" } }]],
] as const)("%s, and can be ended while it waits", async (_, preset, expected) => {
  const driver = as(preset);
  const start = await driver.watch?.({ prefix: "" })[Symbol.asyncIterator]().next();
  const from = start?.value !== undefined && "type" in start.value ? start.value.cursor : undefined;
  await driver.put("k", bytes("1"), "always");
  const stream = driver.watch?.({ prefix: "", ...(from !== undefined && { from }) })[Symbol.asyncIterator]();
  const first: unknown = (await stream?.next())?.value;
  expect(first).toMatchObject(expected);
  const waiting = stream?.next();
  await stream?.return?.();
  expect(await waiting).toMatchObject({ done: true });
});

test("a call takes its time by the clock; given up after its effect, a write's outcome is unknown", async () => {
  const driver = as({ latencyMs: 100 });
  const value = bytes("1");
  const put = driver.put("k", value, "absent");
  value[0] = 0;
  await clock.advance(49);
  expect(await inner.get("k")).toBeUndefined();
  await clock.advance(1);
  expect(textOf(await inner.get("k"))).toBe("1");
  await clock.advance(50);
  expect(await put).toMatchObject({ ok: true });

  const before = new AbortController();
  const early = driver.put("early", bytes("1"), "absent", { signal: before.signal }).catch((error: unknown) => error);
  await clock.advance(49);
  before.abort();
  expect(await early).toMatchObject({ code: "ABORTED", outcome: "none" });
  expect(await inner.get("early")).toBeUndefined();

  const after = new AbortController();
  const late = driver.put("late", bytes("1"), "absent", { signal: after.signal }).catch((error: unknown) => error);
  await clock.advance(60);
  after.abort();
  expect(await late).toMatchObject({ code: "ABORTED", outcome: "unknown", retryable: false });
  expect(await inner.get("late")).toBeDefined();
});

test("what the driver beneath lacks can't be claimed", () => {
  const weak = as(objectStore);
  for (const capabilities of [
    { commit: "serializable" },
    { watch: "best-effort" },
    { clock: "server-ttl" },
    { conditionalDelete: true },
    { getMany: true },
  ] as const) {
    const error = expect.objectContaining({
      code: "INVALID_ARGUMENT",
      message: expect.stringContaining(Object.keys(capabilities)[0] ?? ""),
    });
    expect(() => simulate(weak, { capabilities })).toThrow(error);
  }
  expect(simulate(weak, { capabilities: { clock: "observer" } }).capabilities.clock).toBe("observer");
});

test("a version of one preset is a version of another over the same data", async () => {
  const version: Version = won(await as(objectStore).put("k", bytes("1"), "absent"));
  expect(await as(etcdLike).put("k", bytes("2"), { version })).toMatchObject({ ok: true });
});
