import { subscribe, unsubscribe } from "node:diagnostics_channel";

import { expect, onTestFinished, test } from "vitest";

import type { StoreDriver } from "../src/driver.ts";
import { breaker, type BreakerMessage, type Entry, limit, StoreError, type StoreErrorCode } from "../src/index.ts";
import { type ManualClock, manualClock, mapDriver } from "../src/testing/index.ts";
import { bytes, failure, fullDriver, gate, unavailable } from "./support.ts";

/** A driver whose gets wait for their own gates, in the order in which they arrive. */
function gated(): { driver: StoreDriver; arrived: string[]; release: (key: string) => void } {
  const arrived: string[] = [];
  const gates = new Map<string, () => void>();
  const driver: StoreDriver = {
    ...fullDriver(),
    get: async (key) => {
      arrived.push(key);
      const held = gate();
      gates.set(key, held.open);
      await held.passed;
      return undefined;
    },
  };
  return { driver, arrived, release: (key) => gates.get(key)?.() };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("limit lets so many calls through, queues in order, and refuses the rest", async () => {
  const { driver, arrived, release } = gated();
  const layered = limit({ concurrency: 2, queue: 2 })(driver);
  const calls = ["a", "b", "c", "d"].map((key) => layered.get(key));
  const refused = await failure(layered.get("e"));
  expect(refused).toMatchObject({ code: "THROTTLED", outcome: "none", retryable: true });
  await turn();
  expect(arrived).toEqual(["a", "b"]);
  release("b");
  await turn();
  expect(arrived).toEqual(["a", "b", "c"]);
  release("a");
  await turn();
  expect(arrived).toEqual(["a", "b", "c", "d"]);
  release("c");
  release("d");
  await Promise.all(calls);
  const next = layered.get("f");
  await turn();
  release("f");
  await next;
});

test("limit frees the place of a call that failed", async () => {
  const layered = limit({ concurrency: 1, queue: 0 })({
    ...mapDriver(),
    get: () => Promise.reject(unavailable("none")),
  });
  expect((await failure(layered.get("a"))).code).toBe("UNAVAILABLE");
  expect((await failure(layered.get("b"))).code).toBe("UNAVAILABLE");
});

test("a call that waits in limit ends with its signal or deadline, was not sent, and loses no place", async () => {
  const clock = manualClock();
  const { driver, arrived, release } = gated();
  const layered = limit({ concurrency: 1, queue: 5, clock })(driver);
  const first = layered.get("a");
  const abort = new AbortController();
  const aborted = failure(layered.put("b", bytes("v"), "always", { signal: abort.signal }));
  const late = failure(layered.delete("c", "always", { deadline: clock.now() + 10 }));
  const last = layered.get("d");
  abort.abort();
  await clock.advance(10);
  expect(await aborted).toMatchObject({ code: "ABORTED", outcome: "none" });
  expect(await late).toMatchObject({ code: "TIMEOUT", outcome: "none" });
  release("a");
  await first;
  await turn();
  expect(arrived).toEqual(["a", "d"]);
  release("d");
  await last;
});

test("a call that is given up in the moment of its turn passes the turn on", async () => {
  // One of these numbers of steps is that moment, between the turn and its being taken.
  for (let steps = 0; steps < 12; steps += 1) {
    const { driver, arrived, release } = gated();
    const layered = limit({ concurrency: 1, queue: 5 })(driver);
    const abort = new AbortController();
    const first = layered.get("a");
    const second = layered.get("b", { signal: abort.signal }).catch(() => undefined);
    const third = layered.get("c");
    await turn();
    release("a");
    for (let step = 0; step < steps; step += 1) await Promise.resolve();
    abort.abort();
    await first;
    await turn();
    release("b");
    await second;
    await turn();
    expect(arrived.at(-1), `${steps} steps`).toBe("c");
    release("c");
    await third;
  }
});

test("a listing holds a place while a page is read, a watch and a health check never", async () => {
  const driver = fullDriver();
  await driver.put("a", bytes("a"), "always");
  const layered = limit({ concurrency: 1, queue: 0 })(driver);
  for await (const page of layered.scan({ prefix: "" })) {
    expect(page).toHaveLength(1);
    expect((await layered.get("a"))?.key).toBe("a");
  }
  const stream = layered.watch!({ prefix: "" })[Symbol.asyncIterator]();
  await stream.next();
  const quiet = stream.next();
  quiet.catch(() => undefined);
  expect((await layered.get("a"))?.key).toBe("a");
  const blocked = gated();
  const full = limit({ concurrency: 1, queue: 0 })(blocked.driver);
  const held = full.get("a");
  await turn();
  expect((await full.health()).status).toBe("healthy");
  blocked.release("a");
  await held;
});

interface Circuit {
  readonly clock: ManualClock;
  readonly layered: StoreDriver;
  readonly states: string[];
  readonly sent: () => number;
  /** What the driver does from here on. */
  answer: () => Promise<Entry | undefined>;
}

function circuit(options: { failures?: number; resetMs?: number; halfOpen?: number } = {}): Circuit {
  const clock = manualClock();
  const states: string[] = [];
  const note = (message: unknown): void => void states.push((message as BreakerMessage).state);
  subscribe("orbit.breaker", note);
  onTestFinished(() => void unsubscribe("orbit.breaker", note));
  let sent = 0;
  const made: Circuit = {
    clock,
    states,
    sent: () => sent,
    answer: async () => undefined,
    layered: breaker({ failures: 3, resetMs: 1_000, ...options, clock })({
      ...fullDriver({ clock }),
      get: () => ((sent += 1), made.answer()),
    }),
  };
  return made;
}

const down = (): Promise<never> => Promise.reject(unavailable("none"));
const refusedWith = (code: StoreErrorCode) => (): Promise<never> => Promise.reject(new StoreError(code, "no"));

test("the breaker opens after failures in a row, refuses at once, tries again later, and closes", async () => {
  const made = circuit();
  made.answer = down;
  for (let at = 0; at < 3; at += 1) await failure(made.layered.get("k"));
  expect(made.states).toEqual(["open"]);
  await made.clock.advance(400);
  const refused = await failure(made.layered.get("k"));
  expect(refused).toMatchObject({ code: "UNAVAILABLE", outcome: "none" });
  expect(refused.message).toContain("after 3 failures in a row: next try in 600 ms");
  expect((await failure(made.layered.put("k", bytes("v"), "always"))).outcome).toBe("none");
  expect((await failure(() => made.layered.watch!({ prefix: "" }))).code).toBe("UNAVAILABLE");
  expect(made.sent()).toBe(3);
  await made.clock.advance(600);
  made.answer = async () => undefined;
  await made.layered.get("k");
  expect(made.states).toEqual(["open", "half-open", "closed"]);
  await made.layered.get("k");
  expect(made.sent()).toBe(5);
});

test("a failed try opens the breaker for another while", async () => {
  const made = circuit();
  made.answer = down;
  for (let at = 0; at < 3; at += 1) await failure(made.layered.get("k"));
  await made.clock.advance(1_000);
  await failure(made.layered.get("k"));
  expect(made.states).toEqual(["open", "half-open", "open"]);
  await made.clock.advance(999);
  await failure(made.layered.get("k"));
  expect(made.sent()).toBe(4);
});

test("a half-open breaker lets only so many tries through at once", async () => {
  const made = circuit({ halfOpen: 2 });
  made.answer = down;
  for (let at = 0; at < 3; at += 1) await failure(made.layered.get("k"));
  await made.clock.advance(1_000);
  const held = gate();
  made.answer = () => held.passed.then(() => undefined);
  const tries = [made.layered.get("a"), made.layered.get("b")];
  expect((await failure(made.layered.get("c"))).message).toContain("a try is under way");
  expect(made.sent()).toBe(5);
  held.open();
  await Promise.all(tries);
  expect(made.states.at(-1)).toBe("closed");
});

test("only an unavailable backend counts, an answer starts the count anew, and silence does neither", async () => {
  const made = circuit();
  const meet = async (answer: () => Promise<undefined>): Promise<void> => {
    made.answer = answer;
    await made.layered.get("k").catch(() => undefined);
  };
  for (const code of ["DENIED", "CORRUPT", "THROTTLED", "ABORTED", "FULL"] as const) {
    for (let at = 0; at < 5; at += 1) await meet(refusedWith(code));
  }
  expect(made.states).toEqual([]);
  await meet(down);
  await meet(refusedWith("TIMEOUT"));
  await meet(refusedWith("DENIED"));
  await meet(down);
  await meet(down);
  expect(made.states).toEqual([]);
  await meet(refusedWith("THROTTLED"));
  await meet(refusedWith("TIMEOUT"));
  expect(made.states).toEqual(["open"]);
});

test("a try that tells nothing leaves its place to the next", async () => {
  const made = circuit();
  made.answer = down;
  for (let at = 0; at < 3; at += 1) await failure(made.layered.get("k"));
  await made.clock.advance(1_000);
  made.answer = refusedWith("ABORTED");
  expect((await failure(made.layered.get("k"))).code).toBe("ABORTED");
  made.answer = async () => undefined;
  await made.layered.get("k");
  expect(made.states).toEqual(["open", "half-open", "closed"]);
});

test.each(["answer", "failure"])("a slow %s from before the breaker opened changes nothing", async (how) => {
  const made = circuit();
  const held = gate();
  made.answer = () => held.passed.then(() => (how === "answer" ? undefined : down()));
  const slow = made.layered.get("slow").catch(() => undefined);
  made.answer = down;
  for (let at = 0; at < 3; at += 1) await failure(made.layered.get("k"));
  await made.clock.advance(1_000);
  const trying = gate();
  made.answer = () => trying.passed.then(() => undefined);
  const attempt = made.layered.get("k");
  held.open();
  await slow;
  expect(made.states).toEqual(["open", "half-open"]);
  expect((await failure(made.layered.get("k"))).message).toContain("a try is under way");
  trying.open();
  await attempt;
  expect(made.states).toEqual(["open", "half-open", "closed"]);
});

test("health passes an open breaker and tells of it", async () => {
  const made = circuit();
  expect(await made.layered.health()).toEqual({ status: "healthy", latencyMs: 0 });
  made.answer = down;
  for (let at = 0; at < 3; at += 1) await failure(made.layered.get("k"));
  expect(await made.layered.health()).toEqual({
    status: "degraded",
    cause: "the circuit breaker opened after 3 failures in a row: next try in 1000 ms",
    latencyMs: 0,
    details: { breaker: "open" },
  });
});
