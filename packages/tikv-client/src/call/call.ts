import { TikvError } from "../errors.ts";
import type { Bounds } from "../grpc/connection.ts";
import type { Runtime } from "../runtime.ts";
import { type BackoffKind, sleepMs } from "./backoff.ts";

/** What a caller may say about one call. */
export interface CallOptions {
  /** Ends the call with `ABORTED`. */
  readonly signal?: AbortSignal;
  /** How long the call may take, retries included. Default: the client's `timeoutMs`. */
  readonly timeoutMs?: number;
}

/** The longest that setTimeout can wait for. */
export const MAX_TIMEOUT_MS: number = 2 ** 31 - 1;

/** A busy server is waited for beside the budget, for so long. */
const MAX_EXCLUDED_MS = 600_000;
const TOLD_CAUSES = 3;

interface Limits {
  /** An instant on the runtime's clock. */
  readonly deadline: number;
  readonly signal: AbortSignal | undefined;
  /** How long all sleeps together may take. */
  readonly budgetMs: number;
}

/** One call of a user: its deadline, its signal, and the retries that it has left. */
export class Call implements Bounds {
  readonly name: string;
  readonly deadline: number;
  readonly signal: AbortSignal | undefined;
  /** Set once a write was sent and not answered: it may have been applied, whatever happens now. */
  unknown = false;
  readonly #runtime: Runtime;
  readonly #budgetMs: number;
  readonly #attempts: Map<BackoffKind, number>;
  readonly #slept: Map<BackoffKind, number>;
  readonly #causes: string[];

  constructor(runtime: Runtime, name: string, { deadline, signal, budgetMs }: Limits, parent?: Call) {
    this.#runtime = runtime;
    this.name = name;
    this.deadline = deadline;
    this.signal = signal;
    this.#budgetMs = budgetMs;
    this.#attempts = new Map(parent === undefined ? [] : parent.#attempts);
    this.#slept = new Map(parent === undefined ? [] : parent.#slept);
    this.#causes = parent === undefined ? [] : [...parent.#causes];
  }

  /** Makes the call of one of several parts that go on side by side: each has what is left of the budget now. */
  fork(): Call {
    const { deadline, signal } = this;
    return new Call(this.#runtime, this.name, { deadline, signal, budgetMs: this.#budgetMs }, this);
  }

  /** Throws `ABORTED` or `TIMEOUT` when the call must not go on. */
  check(): void {
    if (this.signal?.aborted === true) throw this.aborted();
    if (this.#runtime.now() >= this.deadline) throw this.overdue();
  }

  /** Gives bounds that end no later than the call, and after `ms` at the latest. */
  within(ms: number): Bounds {
    return { deadline: Math.min(this.deadline, this.#runtime.now() + ms), signal: this.signal };
  }

  /**
   * Sleeps before another try. Throws `UNAVAILABLE` with the last causes once the budget is spent, `TIMEOUT` where the
   * deadline comes first, and `ABORTED`.
   */
  async backoff(kind: BackoffKind, cause: string): Promise<void> {
    this.#causes.push(cause);
    if (this.#causes.length > TOLD_CAUSES) this.#causes.shift();
    this.check();
    const excluded = Math.min(this.#slept.get("tikvServerBusy") ?? 0, MAX_EXCLUDED_MS);
    const total = [...this.#slept.values()].reduce((sum, ms) => sum + ms, 0);
    if (total - excluded >= this.#budgetMs)
      throw this.failed("UNAVAILABLE", `gave up after ${Math.round(total)} ms of waiting`);
    const attempts = this.#attempts.get(kind) ?? 0;
    const ms = sleepMs(kind, attempts, () => this.#runtime.random());
    this.#attempts.set(kind, attempts + 1);
    this.#slept.set(kind, (this.#slept.get(kind) ?? 0) + ms);
    await this.#sleep(ms);
    this.check();
  }

  aborted(): TikvError {
    return new TikvError("ABORTED", `${this.name}: the caller's signal was aborted`, {
      outcome: this.#outcome,
      cause: this.signal?.reason,
    });
  }

  overdue(): TikvError {
    return this.failed("TIMEOUT", "the time of the call passed");
  }

  /** Makes an error that tells what was waited for. */
  failed(code: "TIMEOUT" | "UNAVAILABLE", reason: string): TikvError {
    const longest = [...this.#slept].sort(([, a], [, b]) => b - a)[0];
    const waited = longest === undefined ? "" : `, most of it for ${longest[0]}`;
    const causes = this.#causes.length === 0 ? "" : `; last causes: ${this.#causes.join(" | ")}`;
    return new TikvError(code, `${this.name}: ${reason}${waited}${causes}`, { outcome: this.#outcome });
  }

  get #outcome(): "none" | "unknown" {
    return this.unknown ? "unknown" : "none";
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        cancel();
        this.signal?.removeEventListener("abort", wake);
        resolve();
      };
      // Between two tries there may be no socket left that keeps the process of the caller alive.
      const cancel = this.#runtime.after(Math.min(ms, this.deadline - this.#runtime.now()), wake, true);
      this.signal?.addEventListener("abort", wake, { once: true });
    });
  }
}
