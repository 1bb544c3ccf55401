import type { CallOptions } from "../contract/driver.ts";
import { StoreError } from "../contract/error.ts";
import type { Layer } from "../contract/layer.ts";
import { type Clock, systemClock } from "../runtime/clock.ts";
import { type Random, systemRandom } from "../runtime/random.ts";
import { sleep } from "../runtime/wait.ts";
import { checkCount, checkDuration } from "../store/checks.ts";
import { type DriverOperation, wrapDriver } from "./around.ts";
import { defineLayer } from "./compose.ts";

export interface RetryOptions {
  /** How often a call is sent at most, the first time included: 3. */
  readonly attempts?: number;
  /** The longest pause before the first repeat, in milliseconds: 50. It doubles with each further one. */
  readonly baseMs?: number;
  /** The longest pause of all, in milliseconds: 2,000. */
  readonly maxMs?: number;
  readonly clock?: Clock;
  readonly random?: Random;
}

/** Health tells about now; a bulk write tells an error a slot, which the core judges. */
const ONCE: ReadonlySet<DriverOperation> = new Set(["health", "write"]);

/**
 * Repeats a call that failed with a `retryable` error, after a random pause (full jitter), within the caller's deadline
 * and signal. What may have been applied is never repeated. A scan or watch is repeated only until its first page.
 */
export function retry(options: RetryOptions = {}): Layer {
  const { attempts = 3, baseMs = 50, maxMs = 2_000, clock = systemClock, random = systemRandom } = options;
  checkCount("attempts", attempts, 1);
  checkDuration("baseMs", baseMs);
  checkDuration("maxMs", maxMs);

  /** Waits before the next attempt; rethrows when there must be none. */
  const pause = async (error: unknown, attempt: number, call: CallOptions | undefined): Promise<void> => {
    if (attempt >= attempts || !StoreError.is(error) || !error.retryable || error.outcome === "unknown") throw error;
    const pauseMs = random.number() * Math.min(maxMs, baseMs * 2 ** (attempt - 1));
    if (call?.deadline !== undefined && clock.now() + pauseMs >= call.deadline) throw error;
    await sleep(clock, pauseMs, call?.signal);
  };

  async function* stream<T>(open: () => AsyncIterable<T>, call: CallOptions | undefined): AsyncGenerator<T, void> {
    let begun = false;
    for (let attempt = 1; ; attempt += 1) {
      try {
        for await (const page of open()) {
          begun = true;
          yield page;
        }
        return;
      } catch (error) {
        if (begun) throw error;
        await pause(error, attempt, call);
      }
    }
  }

  return defineLayer("retry", (inner) => {
    const driver = wrapDriver(inner, async (call, callOptions, run) => {
      if (ONCE.has(call.operation)) return run(callOptions);
      for (let attempt = 1; ; attempt += 1) {
        try {
          return await run(callOptions);
        } catch (error) {
          await pause(error, attempt, callOptions);
        }
      }
    });
    driver.scan = (range, callOptions) => stream(() => inner.scan(range, callOptions), callOptions);
    if (inner.watch !== undefined) {
      driver.watch = (range, callOptions) => stream(() => inner.watch!(range, callOptions), callOptions);
    }
    return driver;
  });
}
