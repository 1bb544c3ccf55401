import type { Layer } from "../contract/layer.ts";
import { type Clock, systemClock } from "../runtime/clock.ts";
import { within } from "../runtime/wait.ts";
import { checkDuration } from "../store/checks.ts";
import { outcomeOf, wrapDriver } from "./around.ts";
import { defineLayer } from "./compose.ts";

export interface TimeoutOptions {
  /** The longest that one call of the driver may take, in milliseconds; for a scan, each page. */
  readonly operationMs: number;
  readonly clock?: Clock;
}

/**
 * Gives each call of the driver at most `operationMs`, or the caller's deadline where that is earlier, and fails it with
 * `TIMEOUT` then; the outcome of a write is unknown. A watch may be quiet for long, and is left alone.
 */
export function timeout(options: TimeoutOptions): Layer {
  const { operationMs, clock = systemClock } = options;
  checkDuration("operationMs", operationMs);
  return defineLayer("timeout", (inner) =>
    wrapDriver(inner, (call, callOptions, run) => {
      if (call.operation === "watch") return run(callOptions);
      const deadline = Math.min(callOptions?.deadline ?? Number.POSITIVE_INFINITY, clock.now() + operationMs);
      const bounded = { ...callOptions, deadline };
      return within(run(bounded), clock, bounded, outcomeOf(call.operation));
    }),
  );
}
