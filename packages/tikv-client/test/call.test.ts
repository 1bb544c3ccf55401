import { describe, expect, test } from "vitest";

import { BACKOFFS, type BackoffKind, sleepMs } from "../src/call/backoff.ts";
import { Call } from "../src/call/call.ts";
import { manualRuntime } from "./lib/manual-runtime.ts";

const kinds = Object.keys(BACKOFFS) as BackoffKind[];

describe("sleeps", () => {
  test.each(kinds)("%s doubles from its base to its cap", (kind) => {
    const { base, cap, jitter } = BACKOFFS[kind];
    const longest = (attempt: number): number => sleepMs(kind, attempt, () => 1);
    const shortest = (attempt: number): number => sleepMs(kind, attempt, () => 0);
    expect(longest(0)).toBe(base);
    expect(longest(1)).toBe(Math.min(2 * base, cap));
    expect(longest(60)).toBe(cap);
    // Equal jitter leaves half to chance.
    expect(shortest(60)).toBe(jitter === "none" ? cap : cap / 2);
  });

  // The figures of client-go's config/retry/config.go.
  test.each([
    ["tikvRpc", 100, 2_000, "equal"],
    ["pdRpc", 500, 3_000, "equal"],
    ["regionMiss", 2, 500, "none"],
    ["regionScheduling", 2, 500, "none"],
    ["tikvServerBusy", 2_000, 10_000, "equal"],
    ["tikvDiskFull", 500, 5_000, "none"],
    ["regionRecovery", 100, 10_000, "equal"],
    ["staleCommand", 2, 1_000, "none"],
    ["maxTsNotSynced", 2, 500, "none"],
    ["regionNotInitialized", 2, 1_000, "none"],
    ["isWitness", 1_000, 10_000, "equal"],
  ] as const)("%s is %i ms up to %i, jitter %s", (kind, base, cap, jitter) => {
    expect(BACKOFFS[kind]).toEqual({ base, cap, jitter });
  });
});

const limits = { deadline: 1e9, signal: undefined, budgetMs: 1_000 };

describe("a call", () => {
  test("gives up when its budget is slept, and tells the last causes and what it waited for", async () => {
    const runtime = manualRuntime();
    const call = new Call(runtime, "get", limits);
    const work = (async () => {
      await call.backoff("tikvRpc", "cause 1");
      for (let cause = 2; ; cause++) await call.backoff("regionMiss", `cause ${cause}`);
    })();
    await expect(work).rejects.toMatchObject({ code: "UNAVAILABLE", retryable: true, outcome: "none" });
    // 50, then 2, 4, 8 ... 256, 500: the sleep that passes the budget is the last.
    expect(runtime.sleeps).toEqual([50, 2, 4, 8, 16, 32, 64, 128, 256, 500]);
    await expect(work).rejects.toThrow(
      "[UNAVAILABLE] get: gave up after 1060 ms of waiting, most of it for regionMiss; last causes: cause 9 | cause 10 | cause 11",
    );
  });

  test("waits for a busy server beside its budget", async () => {
    const runtime = manualRuntime(1);
    const call = new Call(runtime, "get", limits);
    for (let wait = 0; wait < 5; wait++) await call.backoff("tikvServerBusy", "busy");
    expect(runtime.sleeps).toEqual([2_000, 4_000, 8_000, 10_000, 10_000]);
  });

  test("never sleeps past its deadline", async () => {
    const runtime = manualRuntime(1);
    const call = new Call(runtime, "put", { ...limits, deadline: 250 });
    await call.backoff("tikvRpc", "lost");
    await expect(call.backoff("tikvRpc", "lost again")).rejects.toThrow("[TIMEOUT] put: the time of the call passed");
    expect(runtime.sleeps).toEqual([100, 150]);
  });

  test("tells an unknown outcome, which makes it not retryable", async () => {
    const runtime = manualRuntime(1);
    const call = new Call(runtime, "put", { ...limits, deadline: 50 });
    call.unknown = true;
    const failure = call.backoff("tikvRpc", "lost");
    await expect(failure).rejects.toMatchObject({ code: "TIMEOUT", outcome: "unknown", retryable: false });
    await expect(failure).rejects.toThrow("(the write may have been applied)");
  });

  test("ends a sleep when its signal is aborted", async () => {
    const controller = new AbortController();
    const runtime = { now: () => 0, random: () => 0, after: () => () => {} };
    const call = new Call(runtime, "get", { ...limits, signal: controller.signal });
    const sleeping = call.backoff("tikvRpc", "lost");
    controller.abort(new Error("enough"));
    await expect(sleeping).rejects.toMatchObject({ code: "ABORTED", cause: { message: "enough" } });
  });

  test("is forked with what is left, and parts don't count each other's sleeps", async () => {
    const runtime = manualRuntime();
    const call = new Call(runtime, "batchGet", limits);
    await call.backoff("regionMiss", "moved");
    const [first, second] = [call.fork(), call.fork()];
    await first.backoff("regionMiss", "moved");
    await second.backoff("regionMiss", "moved");
    expect(runtime.sleeps).toEqual([2, 4, 4]);
  });
});
