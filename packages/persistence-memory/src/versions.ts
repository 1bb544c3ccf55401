import { type Random, randomHex, type Version } from "@orbit/persistence/driver";

const INSTANCE_BYTES = 8;

/** Numbers from `from` on belong to this instance, up to where the next one begins. */
export interface VersionRange {
  readonly from: number;
  readonly instance: string;
}

/**
 * Versions as numbers, which a table holds in eight bytes, and as text, which callers see: the random id of the process
 * that wrote, and a counter. After a restore the counter goes on under a new id, so that a version given out after the
 * backup was taken, and lost with the process, is never given out again.
 */
export class Versions {
  readonly #random: Random;
  #ranges: VersionRange[];
  #last = 0;

  constructor(random: Random) {
    this.#random = random;
    this.#ranges = [this.#range()];
  }

  get last(): number {
    return this.#last;
  }

  /** The random id of this process and this opening. */
  get instance(): string {
    return this.#ranges.at(-1)?.instance ?? "";
  }

  get ranges(): readonly VersionRange[] {
    return this.#ranges;
  }

  next(): number {
    this.#last += 1;
    return this.#last;
  }

  text(version: number): Version {
    let at = this.#ranges.length - 1;
    while (at > 0 && version < (this.#ranges[at]?.from ?? 0)) at -= 1;
    return `${this.#ranges[at]?.instance ?? ""}.${version.toString(36)}` as Version;
  }

  /** Takes restored versions over, and goes on after `last` under a new id. */
  restore(ranges: readonly VersionRange[], last: number): void {
    this.#last = last;
    this.#ranges = [...ranges, this.#range()];
  }

  #range(): VersionRange {
    return { from: this.#last + 1, instance: randomHex(this.#random, INSTANCE_BYTES) };
  }
}
