import { channel } from "node:diagnostics_channel";

import { StoreError, type StoreErrorCode } from "../contract/error.ts";
import type { Health } from "../contract/health.ts";
import type { Layer } from "../contract/layer.ts";
import { type Clock, systemClock } from "../runtime/clock.ts";
import { checkCount, checkDuration } from "../store/checks.ts";
import { wrapDriver } from "./around.ts";
import { defineLayer } from "./compose.ts";

export interface BreakerOptions {
  /** How many calls in a row must find the backend unavailable before calls are refused: 5. */
  readonly failures?: number;
  /** How long calls are refused before the backend is tried again, in milliseconds: 10,000. */
  readonly resetMs?: number;
  /** How many calls may try it at once then: 1. */
  readonly halfOpen?: number;
  readonly clock?: Clock;
}

export type BreakerState = "closed" | "open" | "half-open";

/** Published on the diagnostics channel `orbit.breaker` when a breaker changes its state. */
export interface BreakerMessage {
  readonly provider: string;
  readonly state: BreakerState;
}

const breakerChannel = channel("orbit.breaker");
const FAILURES: ReadonlySet<StoreErrorCode> = new Set(["UNAVAILABLE", "TIMEOUT"]);
/** These tell nothing about the backend: the call may never have reached it. */
const SILENT: ReadonlySet<StoreErrorCode> = new Set(["ABORTED", "CLOSED", "THROTTLED"]);

/**
 * Refuses calls at once with `UNAVAILABLE` after `failures` calls in a row that ended in `UNAVAILABLE` or `TIMEOUT`, and
 * tries the backend again after `resetMs`. Health checks always pass; they say `degraded` while calls are refused.
 */
export function breaker(options: BreakerOptions = {}): Layer {
  const { failures = 5, resetMs = 10_000, halfOpen = 1, clock = systemClock } = options;
  checkCount("failures", failures, 1);
  checkDuration("resetMs", resetMs);
  checkCount("halfOpen", halfOpen, 1);
  return defineLayer("breaker", (inner) => {
    const circuit = new Circuit({ failures, resetMs, halfOpen, clock }, inner.name);
    const guarded = async <T>(run: () => Promise<T>): Promise<T> => {
      const period = circuit.enter();
      try {
        const answer = await run();
        circuit.leave(period, undefined);
        return answer;
      } catch (error) {
        circuit.leave(period, error);
        throw error;
      }
    };
    const driver = wrapDriver(inner, (_call, callOptions, run) => guarded(() => run(callOptions)));
    driver.health = async (callOptions) => circuit.describe(await inner.health(callOptions));
    if (inner.watch !== undefined) {
      // A watch can be quiet for ever, so that it is no test of the backend; one that is under way is left alone.
      driver.watch = (range, callOptions) => {
        circuit.checkClosed();
        return inner.watch!(range, callOptions);
      };
    }
    return driver;
  });
}

class Circuit {
  readonly #options: Required<BreakerOptions>;
  readonly #provider: string;
  #state: BreakerState = "closed";
  /** Counts the changes of state, so that a call that began before one has no part in what came after. */
  #period = 0;
  #failures = 0;
  #tries = 0;
  #openUntil = 0;

  constructor(options: Required<BreakerOptions>, provider: string) {
    this.#options = options;
    this.#provider = provider;
  }

  /** Admits a call or throws; returns what `leave` wants to know. */
  enter(): number {
    if (this.#state === "open" && this.#leftMs() === 0) this.#become("half-open");
    this.checkClosed();
    if (this.#state === "half-open") this.#tries += 1;
    return this.#period;
  }

  leave(period: number, error: unknown): void {
    if (period !== this.#period) return;
    const code = StoreError.is(error) ? error.code : undefined;
    if (code !== undefined && SILENT.has(code)) {
      if (this.#state === "half-open") this.#tries -= 1;
    } else if (code === undefined || !FAILURES.has(code)) {
      this.#failures = 0;
      if (this.#state === "half-open") this.#become("closed");
    } else {
      this.#failures += 1;
      if (this.#state === "half-open" || this.#failures >= this.#options.failures) this.#become("open");
    }
  }

  checkClosed(): void {
    if (this.#state === "open" && this.#leftMs() > 0) throw this.#refusal(`next try in ${this.#leftMs()} ms`);
    if (this.#state === "half-open" && this.#tries >= this.#options.halfOpen) throw this.#refusal("a try is under way");
  }

  describe(health: Health): Health {
    if (this.#state === "closed") return health;
    return {
      ...health,
      status: health.status === "healthy" ? "degraded" : health.status,
      cause: health.cause ?? this.#refusal(`next try in ${this.#leftMs()} ms`).reason,
      details: { ...health.details, breaker: this.#state },
    };
  }

  #become(state: BreakerState): void {
    this.#state = state;
    this.#period += 1;
    this.#tries = 0;
    if (state === "open") this.#openUntil = this.#options.clock.now() + this.#options.resetMs;
    breakerChannel.publish({ provider: this.#provider, state } satisfies BreakerMessage);
  }

  #leftMs(): number {
    return Math.max(0, Math.ceil(this.#openUntil - this.#options.clock.now()));
  }

  #refusal(next: string): StoreError {
    const reason = `the circuit breaker opened after ${this.#failures} failures in a row: ${next}`;
    return new StoreError("UNAVAILABLE", reason, { provider: this.#provider });
  }
}
