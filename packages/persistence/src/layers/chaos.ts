import type { StoreDriver } from "../contract/driver.ts";
import { StoreError } from "../contract/error.ts";
import type { Layer } from "../contract/layer.ts";
import { type Clock, systemClock } from "../runtime/clock.ts";
import { type Random, systemRandom } from "../runtime/random.ts";
import { sleep } from "../runtime/wait.ts";
import { type DriverCall, outcomeOf, wrapDriver } from "./around.ts";
import { defineLayer } from "./compose.ts";

/** Rates are chances from 0 to 1, a call; all are 0 by default. */
export interface ChaosOptions {
  /** A call fails before it is sent. */
  readonly failBefore?: number;
  /** A call is carried out, and its answer lost: the outcome of a write is unknown. */
  readonly failAfter?: number;
  /** A call is sent late, also after its caller gave it up. */
  readonly delay?: number;
  /** A conditional write is sent once more, late. Unconditional ones are not: no store could survive that. */
  readonly duplicate?: number;
  /** The longest that a call or a duplicate is late, in milliseconds: 100. */
  readonly maxDelayMs?: number;
  /** Only calls for which this is true meet faults. */
  readonly only?: (call: DriverCall) => boolean;
  /** Whether faults happen from the start: true. */
  readonly enabled?: boolean;
  readonly clock?: Clock;
  /** The source of all choices; one made from a seed repeats a run. */
  readonly random?: Random;
}

export interface ChaosLayer extends Layer {
  /** Switches faults on and off. */
  enabled: boolean;
}

/** Makes a driver meet the faults of a network, for tests and game days. */
export function chaos(options: ChaosOptions): ChaosLayer {
  const { failBefore = 0, failAfter = 0, delay = 0, duplicate = 0, maxDelayMs = 100 } = options;
  const { only = () => true, enabled = true, clock = systemClock, random = systemRandom } = options;
  for (const [name, rate] of Object.entries({ failBefore, failAfter, delay, duplicate })) {
    if (typeof rate !== "number" || !(rate >= 0 && rate <= 1)) {
      throw new StoreError("INVALID_ARGUMENT", `${name}: expected a chance from 0 to 1, found ${String(rate)}`);
    }
  }

  const hits = (rate: number, call: DriverCall): boolean => layer.enabled && only(call) && random.number() < rate;
  const lateMs = (): number => random.number() * maxDelayMs;

  const withDuplicates = (inner: StoreDriver): StoreDriver => {
    const driver = wrapDriver(inner, (_call, callOptions, run) => run(callOptions));
    const later = (call: DriverCall, conditional: boolean, send: () => Promise<unknown>): void => {
      if (!conditional || !hits(duplicate, call)) return;
      // Nobody waits for a duplicate: neither its answer nor its failure reaches anyone.
      clock.after(lateMs(), () => void send().catch(() => undefined));
    };
    driver.put = (key, value, when, callOptions) => {
      later({ operation: "put", key }, when !== "always", () => inner.put(key, value, when, callOptions));
      return inner.put(key, value, when, callOptions);
    };
    driver.delete = (key, when, callOptions) => {
      later({ operation: "delete", key }, when !== "always", () => inner.delete(key, when, callOptions));
      return inner.delete(key, when, callOptions);
    };
    if (inner.write !== undefined) {
      driver.write = (ops, callOptions) => {
        const conditional = ops.every(({ when }) => when !== "always");
        later({ operation: "write" }, conditional, () => inner.write!(ops, callOptions));
        return inner.write!(ops, callOptions);
      };
    }
    if (inner.commit !== undefined) {
      driver.commit = (checks, ops, callOptions) => {
        const conditional = ops.every(({ when }) => when !== "always");
        later({ operation: "commit" }, conditional, () => inner.commit!(checks, ops, callOptions));
        return inner.commit!(checks, ops, callOptions);
      };
    }
    return driver;
  };

  const named = defineLayer("chaos", (inner) =>
    wrapDriver(withDuplicates(inner), async (call, callOptions, run) => {
      if (hits(delay, call)) await sleep(clock, lateMs());
      if (hits(failBefore, call)) throw new StoreError("UNAVAILABLE", "chaos: the call was not sent");
      const lost = hits(failAfter, call);
      const answer = await run(callOptions);
      if (!lost) return answer;
      throw new StoreError("UNAVAILABLE", "chaos: the answer was lost", { outcome: outcomeOf(call.operation) });
    }),
  );
  const layer: ChaosLayer = Object.assign(named, { enabled });
  return layer;
}
