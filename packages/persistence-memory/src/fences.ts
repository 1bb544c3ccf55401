import { type Clock, StoreError } from "@orbit/persistence/driver";

/** How many fences one durable reservation covers. */
const BLOCK = 1n << 20n;
const MAX = (1n << 64n) - 1n;

/** Makes it durable that every fence up to this number may have been given out. */
export type Reserve = (upTo: bigint) => Promise<void>;

/**
 * Fence numbers: a counter that starts at the wall clock in microseconds. With a backup it uses only numbers that were
 * durably reserved before, so that after a crash it goes on above every number that may have been given out.
 */
export class Fences {
  readonly #clock: Clock;
  #last: bigint | undefined;
  #ceiling = 0n;
  #reserve: Reserve | undefined;
  #reserving: Promise<void> | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The highest number that is reserved. */
  get ceiling(): bigint {
    return this.#ceiling;
  }

  /** Goes on above `ceiling`, reserving from now on. */
  attach(ceiling: bigint, reserve: Reserve): void {
    const last = this.#start();
    this.#last = last > ceiling ? last : ceiling;
    this.#ceiling = ceiling;
    this.#reserve = reserve;
  }

  detach(): void {
    this.#reserve = undefined;
  }

  /** Returns a number above `above` and above all that were returned. */
  async next(above: bigint): Promise<bigint> {
    for (;;) {
      const last = this.#start();
      const fence = (last > above ? last : above) + 1n;
      if (fence > MAX - BLOCK) {
        throw new StoreError("INVALID_ARGUMENT", `above: expected a fence of at most 64 bits, found ${above}`);
      }
      if (this.#reserve === undefined || fence <= this.#ceiling) {
        this.#last = fence;
        return fence;
      }
      await this.#extend(fence + BLOCK, this.#reserve);
    }
  }

  #extend(upTo: bigint, reserve: Reserve): Promise<void> {
    this.#reserving ??= reserve(upTo)
      .then(() => {
        this.#ceiling = upTo;
      })
      .finally(() => {
        this.#reserving = undefined;
      });
    return this.#reserving;
  }

  #start(): bigint {
    this.#last ??= BigInt(Math.floor(this.#clock.wall() * 1000));
    return this.#last;
  }
}
