import { type Random, randomHex, type Version } from "@orbit/persistence/driver";

const INSTANCE_BYTES = 8;
const BASE = 36;
const DOT = ".".charCodeAt(0);
const ZERO = "0".charCodeAt(0);
const LETTER_A = "a".charCodeAt(0);

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
    return `${this.#instanceOf(version)}.${version.toString(BASE)}` as Version;
  }

  /** Whether a text is that of a version. A write compares one each time; it need not make the other. */
  isText(text: Version, version: number): boolean {
    const instance = this.#instanceOf(version);
    const start = instance.length + 1;
    if (text.length <= start || !text.startsWith(instance) || text.charCodeAt(start - 1) !== DOT) return false;
    if (text.charCodeAt(start) === ZERO) return false;
    let rest = version;
    for (let at = text.length - 1; at >= start; at -= 1) {
      const digit = rest % BASE;
      if (text.charCodeAt(at) !== (digit < 10 ? ZERO + digit : LETTER_A + digit - 10)) return false;
      rest = (rest - digit) / BASE;
    }
    return rest === 0;
  }

  /** Takes restored versions over, and goes on after `last` under a new id. */
  restore(ranges: readonly VersionRange[], last: number): void {
    this.#last = last;
    this.#ranges = [...ranges, this.#range()];
  }

  #instanceOf(version: number): string {
    let at = this.#ranges.length - 1;
    while (at > 0 && version < (this.#ranges[at]?.from ?? 0)) at -= 1;
    return this.#ranges[at]?.instance ?? "";
  }

  #range(): VersionRange {
    return { from: this.#last + 1, instance: randomHex(this.#random, INSTANCE_BYTES) };
  }
}
