import { expect, test } from "vitest";

import type { StoreDriver } from "../src/driver.ts";
import { retry, StoreError, timeout, type WriteOp } from "../src/index.ts";
import { type ManualClock, manualClock, mapDriver, seededRandom } from "../src/testing/index.ts";
import { bytes, collect, endOf, failure, fullDriver, hang, recorded, unavailable } from "./support.ts";

const put: WriteOp = { type: "put", key: "k", value: bytes("v"), when: "always" };
const quick = { baseMs: 100, maxMs: 1_000, random: { ...seededRandom(1), number: () => 0.999 } };

/** A driver whose `get` and `put` fail as told, one error a call, and then succeed. */
function failing(errors: StoreError[], clock: ManualClock): { driver: StoreDriver; sent: () => number } {
  const inner = mapDriver({ clock });
  let sent = 0;
  const fail = (): void => {
    sent += 1;
    const error = errors.shift();
    if (error !== undefined) throw error;
  };
  return {
    sent: () => sent,
    driver: {
      ...inner,
      get: async (key) => (fail(), inner.get(key)),
      put: async (...given) => (fail(), inner.put(...given)),
      async *scan(range) {
        fail();
        yield* inner.scan(range);
      },
    },
  };
}

test("retry repeats what may be repeated, with growing pauses, and gives up after its attempts", async () => {
  const clock = manualClock();
  const two = failing([unavailable("none"), new StoreError("THROTTLED", "slow down")], clock);
  const call = retry({ ...quick, clock })(two.driver).put("k", bytes("v"), "absent");
  expect(await endOf(call, clock, 99)).toBeUndefined();
  expect(two.sent()).toBe(1);
  await clock.advance(1);
  expect(two.sent()).toBe(2);
  await clock.advance(198);
  expect(two.sent()).toBe(2);
  await clock.advance(2);
  expect(two.sent()).toBe(3);
  expect((await call).ok).toBe(true);

  const three = failing([unavailable("none"), unavailable("none"), unavailable("none")], clock);
  const end = await endOf(retry({ ...quick, clock })(three.driver).get("k"), clock, 10_000);
  expect(end).toMatchObject({ code: "UNAVAILABLE" });
  expect(three.sent()).toBe(3);
});

test("retry's pauses are any part of their ceiling, and none is above the longest", async () => {
  const clock = manualClock();
  const random = seededRandom(7);
  const pauses: number[] = [];
  const watched = { ...clock, after: (ms: number, fn: () => void) => (pauses.push(ms), clock.after(ms, fn)) };
  const always = failing(
    Array.from({ length: 40 }, () => unavailable("none")),
    clock,
  );
  const layer = retry({ attempts: 41, baseMs: 10, maxMs: 100, clock: watched, random });
  await endOf(layer(always.driver).get("k"), clock, 10_000);
  expect(pauses).toHaveLength(40);
  expect(Math.max(...pauses)).toBeLessThanOrEqual(100);
  expect(Math.min(...pauses)).toBeLessThan(10);
  expect(pauses[0]).toBeLessThanOrEqual(10);
});

test.each<readonly [string, StoreError]>([
  ["a write whose outcome is unknown", unavailable("unknown")],
  [
    "a write that is marked retryable although its outcome is unknown",
    Object.assign(unavailable("unknown"), { retryable: true }),
  ],
  ...(["DENIED", "FULL", "CORRUPT", "TOO_LARGE", "UNSUPPORTED", "CLOSED", "ABORTED", "INTERNAL"] as const).map(
    (code) => [code, new StoreError(code, "no")] as const,
  ),
])("retry never repeats %s", async (_what, error) => {
  const clock = manualClock();
  const { driver, sent } = failing([error], clock);
  const end = await endOf(retry({ ...quick, clock })(driver).put("k", bytes("v"), "absent"), clock, 10_000);
  expect(end).toBe(error);
  expect(sent()).toBe(1);
});

test("retry never repeats an error that is no StoreError", async () => {
  const clock = manualClock();
  const stray = new TypeError("oops");
  let sent = 0;
  const driver = { ...mapDriver(), get: async () => ((sent += 1), Promise.reject(stray)) };
  expect(await endOf(retry({ ...quick, clock })(driver).get("k"), clock, 10_000)).toBe(stray);
  expect(sent).toBe(1);
});

test("retry keeps within the deadline and the signal of the call", async () => {
  const clock = manualClock();
  const late = failing([unavailable("none")], clock);
  const error = await failure(retry({ ...quick, clock })(late.driver).get("k", { deadline: clock.now() + 99 }));
  expect(error.code).toBe("UNAVAILABLE");
  expect(late.sent()).toBe(1);
  const abort = new AbortController();
  const aborted = failing([unavailable("none")], clock);
  const call = failure(retry({ ...quick, clock })(aborted.driver).get("k", { signal: abort.signal }));
  await clock.advance(10);
  abort.abort();
  expect(await call).toMatchObject({ code: "ABORTED", outcome: "none" });
  expect(aborted.sent()).toBe(1);
});

test("retry repeats a listing and a watch only until their first page", async () => {
  const clock = manualClock();
  const again = failing([unavailable("none")], clock);
  const pages = collect(retry({ ...quick, clock })(again.driver).scan({ prefix: "" }));
  expect(await endOf(pages, clock, 100)).toEqual([]);
  expect(again.sent()).toBe(2);

  let opened = 0;
  const breaking: StoreDriver = {
    ...fullDriver(),
    async *scan() {
      opened += 1;
      yield [];
      throw unavailable("none");
    },
    async *watch() {
      opened += 1;
      yield [];
      throw unavailable("none");
    },
  };
  const layered = retry({ ...quick, clock })(breaking);
  expect(await endOf(collect(layered.scan({ prefix: "" })), clock, 1_000)).toMatchObject({ code: "UNAVAILABLE" });
  expect(opened).toBe(1);
  const watched = Array.fromAsync(layered.watch!({ prefix: "" }));
  expect(await endOf(watched, clock, 1_000)).toMatchObject({ code: "UNAVAILABLE" });
  expect(opened).toBe(2);
});

test("retry leaves bulk writes and health checks alone", async () => {
  const clock = manualClock();
  let sent = 0;
  const fail = async (): Promise<never> => ((sent += 1), Promise.reject(unavailable("none")));
  const layered = retry({ ...quick, clock })({ ...fullDriver(), write: fail, health: fail });
  await failure(layered.write!([put]));
  await failure(layered.health());
  expect(sent).toBe(2);
});

test("timeout ends each call; a write's outcome is unknown then, a read's is none", async () => {
  const clock = manualClock();
  const driver: StoreDriver = {
    ...fullDriver(),
    get: hang,
    put: hang,
    delete: hang,
    getMany: hang,
    write: hang,
    commit: hang,
    session: hang,
    nextFence: hang,
    health: hang,
    scan: () => ({ [Symbol.asyncIterator]: () => ({ next: hang }) }),
  };
  const layered = timeout({ operationMs: 50, clock })(driver);
  const outcomes: readonly (readonly [string, Promise<unknown>, "none" | "unknown"])[] = [
    ["get", layered.get("k"), "none"],
    ["getMany", layered.getMany!(["k"]), "none"],
    ["scan", collect(layered.scan({ prefix: "" })), "none"],
    ["health", layered.health(), "none"],
    ["nextFence", layered.nextFence!(1n), "none"],
    ["put", layered.put("k", bytes("v"), "absent"), "unknown"],
    ["delete", layered.delete("k", "always"), "unknown"],
    ["write", layered.write!([put]), "unknown"],
    ["commit", layered.commit!([], [put]), "unknown"],
    ["session", layered.session!(5), "unknown"],
  ];
  const ends = outcomes.map(([, call]) => endOf(call, clock, 0));
  expect(await Promise.all(ends)).toEqual(outcomes.map(() => undefined));
  await clock.advance(50);
  for (const [name, call, outcome] of outcomes) {
    expect(await failure(call), name).toMatchObject({ code: "TIMEOUT", outcome, retryable: outcome === "none" });
  }
});

test("timeout tells the driver the earlier of the two deadlines", async () => {
  const clock = manualClock();
  const { driver, calls } = recorded(mapDriver({ clock }));
  const layered = timeout({ operationMs: 50, clock })(driver);
  await layered.get("k");
  await layered.get("k", { deadline: 20 });
  await layered.get("k", { deadline: 1_000 });
  expect(calls.map((call) => (call.arguments[1] as { deadline: number }).deadline)).toEqual([50, 20, 50]);
  const driverHangs = timeout({ operationMs: 50, clock })({ ...mapDriver(), get: hang });
  expect(await endOf(driverHangs.get("k", { deadline: 20 }), clock, 20)).toMatchObject({ code: "TIMEOUT" });
});

test("timeout counts a listing by the page, and leaves a watch alone", async () => {
  const clock = manualClock();
  const page = (): Promise<void> => new Promise((resolve) => clock.after(40, resolve));
  const driver: StoreDriver = {
    ...fullDriver({ clock }),
    async *scan() {
      for (let at = 0; at < 3; at += 1) {
        await page();
        yield [];
      }
    },
  };
  const layered = timeout({ operationMs: 50, clock })(driver);
  expect(await endOf(collect(layered.scan({ prefix: "" })), clock, 120)).toEqual([]);
  const stream = layered.watch!({ prefix: "" })[Symbol.asyncIterator]();
  await stream.next();
  expect(await endOf(stream.next(), clock, 100_000)).toBeUndefined();
});
