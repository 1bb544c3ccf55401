import type { Cancel, Clock } from "../runtime/clock.ts";

/** How far the rate of any clock may be off, in parts per million, unless set otherwise. */
export const DEFAULT_DRIFT_PPM = 1_000;

/** Share of the ttl by which `lost` fires before the deadline. */
const EARLY = 0.02;

/**
 * How long a holder may believe after a renewal was sent: shorter than the ttl by what two clocks can differ, so that
 * an observer whose clock is fast and a holder whose clock is slow still agree.
 */
export function beliefMs(ttlMs: number, driftPpm: number): number {
  const drift = driftPpm / 1_000_000;
  return (ttlMs * (1 - drift)) / (1 + drift);
}

/** When a request was first sent, on both clocks: a belief counts from there, not from the answer. */
export interface Sent {
  readonly at: number;
  readonly wall: number;
}

export function sentNow(clock: Clock): Sent {
  return { at: clock.now(), wall: clock.wall() };
}

/**
 * A holder's belief. It ends at the deadline on the monotonic clock or at the same distance on the wall clock,
 * whichever is earlier, because a suspended machine stops the monotonic clock only.
 */
export class Belief {
  readonly #clock: Clock;
  readonly #onLost: () => void;
  #deadline: number;
  #wallDeadline: number;
  #ended = false;
  #cancel: Cancel | undefined;
  #controller: AbortController | undefined;

  constructor(clock: Clock, sent: Sent, beliefMs: number, onLost: () => void) {
    this.#clock = clock;
    this.#onLost = onLost;
    this.#deadline = sent.at + beliefMs;
    this.#wallDeadline = sent.wall + beliefMs;
    this.#watch(beliefMs);
  }

  get deadline(): number {
    return this.#deadline;
  }

  /** Made when first asked for: a process may hold a million leases. */
  get lost(): AbortSignal {
    this.#controller ??= new AbortController();
    if (!this.holds()) this.#controller.abort();
    return this.#controller.signal;
  }

  /** Whether the belief holds now; a belief whose time has passed ends for good. */
  holds(): boolean {
    if (this.#ended) return false;
    if (this.#clock.now() < this.#deadline && this.#clock.wall() < this.#wallDeadline) return true;
    this.end();
    return false;
  }

  /** Moves the deadline after a renewal; never back, and not when the belief has ended while it was under way. */
  extend(sent: Sent, beliefMs: number): void {
    if (!this.holds() || sent.at + beliefMs <= this.#deadline) return;
    this.#deadline = sent.at + beliefMs;
    this.#wallDeadline = sent.wall + beliefMs;
    this.#cancel?.();
    this.#watch(beliefMs);
  }

  /** Ends the belief, for good. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#cancel?.();
    this.#controller?.abort();
    this.#onLost();
  }

  #watch(beliefMs: number): void {
    if (!Number.isFinite(this.#deadline)) return;
    const early = this.#deadline - beliefMs * EARLY;
    this.#cancel = this.#clock.after(early - this.#clock.now(), () => this.end());
  }
}
