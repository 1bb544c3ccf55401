import type { CallOptions } from "../contract/driver.ts";
import { StoreError } from "../contract/error.ts";
import type { Layer } from "../contract/layer.ts";
import { type Clock, systemClock } from "../runtime/clock.ts";
import { within } from "../runtime/wait.ts";
import { checkCount } from "../store/checks.ts";
import { type DriverOperation, wrapDriver } from "./around.ts";
import { defineLayer } from "./compose.ts";

export interface LimitOptions {
  /** How many calls of the driver may be under way at once. */
  readonly concurrency: number;
  /** How many more may wait for their turn, first come first served. */
  readonly queue: number;
  readonly clock?: Clock;
}

/** A watch would hold its place for good, and health is asked for when all places hang. */
const FREE: ReadonlySet<DriverOperation> = new Set(["watch", "health"]);

/**
 * Lets at most `concurrency` calls be under way. Further ones wait; where the queue is full too they fail with
 * `THROTTLED`. A call that is given up while it waits was never sent, so that its outcome is none. A scan takes a place
 * for each page; a watch and a health check take none.
 */
export function limit(options: LimitOptions): Layer {
  const { concurrency, queue, clock = systemClock } = options;
  checkCount("concurrency", concurrency, 1);
  checkCount("queue", queue, 0);
  return defineLayer("limit", (inner) => {
    let active = 0;
    const waiting = new Set<() => void>();
    const leave = (): void => {
      const [next] = waiting;
      if (next === undefined) {
        active -= 1;
        return;
      }
      waiting.delete(next);
      next();
    };
    const enter = async (call: CallOptions | undefined): Promise<void> => {
      if (active < concurrency) {
        active += 1;
        return;
      }
      if (waiting.size >= queue) {
        throw new StoreError(
          "THROTTLED",
          `${active} calls are under way and ${waiting.size} wait: the limit is reached`,
        );
      }
      const turn = Promise.withResolvers<void>();
      waiting.add(turn.resolve);
      try {
        await within(turn.promise, clock, call, "none");
      } catch (error) {
        // Its turn may have come in the very moment in which it was given up.
        if (!waiting.delete(turn.resolve)) leave();
        throw error;
      }
    };
    return wrapDriver(inner, async (call, callOptions, run) => {
      if (FREE.has(call.operation)) return run(callOptions);
      await enter(callOptions);
      try {
        return await run(callOptions);
      } finally {
        leave();
      }
    });
  });
}
