const BLOCK_KEYS = 512;
/** From the first surrogate on, the order of UTF-16 units is not that of UTF-8 bytes. */
const WIDE = /[\uD800-\uFFFF]/;

/**
 * The keys in byte order of their UTF-8 form: sorted blocks of at most 512 keys. An insert or delete moves half a block
 * of pointers, and a scan starts with two binary searches, so that no call sorts.
 */
export class KeyIndex {
  readonly #blocks: string[][] = [];
  #compare: (a: string, b: string) => number = compareUnits;

  /** Compares two keys by their UTF-8 bytes. */
  compare(a: string, b: string): number {
    return this.#compare(a, b);
  }

  /** Adds a key that is not in the index. */
  add(key: string): void {
    // Keys without wide characters keep their order under either comparison, so that none has to move.
    if (this.#compare === compareUnits && WIDE.test(key)) this.#compare = compareWide;
    const at = this.#blockOf(key);
    const block = this.#blocks[at];
    if (block === undefined) {
      this.#blocks.push([key]);
      return;
    }
    const position = this.#position(block, key, false);
    if (block.length < BLOCK_KEYS) {
      block.splice(position, 0, key);
      return;
    }
    // Keys that come in order leave full blocks behind them.
    if (position === block.length && at === this.#blocks.length - 1) {
      this.#blocks.push([key]);
      return;
    }
    const upper = block.splice(BLOCK_KEYS / 2);
    this.#blocks.splice(at + 1, 0, upper);
    const half = position > block.length ? upper : block;
    half.splice(this.#position(half, key, false), 0, key);
  }

  /** Removes a key that is in the index. */
  delete(key: string): void {
    const at = this.#blockOf(key);
    const block = this.#blocks[at];
    if (block === undefined) return;
    const position = this.#position(block, key, false);
    if (block[position] !== key) return;
    block.splice(position, 1);
    if (block.length === 0) this.#blocks.splice(at, 1);
  }

  /** Visits keys in order, from `start` or after it, until `visit` returns `false`. The index must not change meanwhile. */
  visit(start: string, inclusive: boolean, visit: (key: string) => boolean): void {
    let at = this.#blockOf(start);
    let position = this.#position(this.#blocks[at] ?? [], start, !inclusive);
    for (; at < this.#blocks.length; at += 1) {
      const block = this.#blocks[at] ?? [];
      for (; position < block.length; position += 1) {
        const key = block[position];
        if (key !== undefined && !visit(key)) return;
      }
      position = 0;
    }
  }

  clear(): void {
    this.#blocks.length = 0;
    this.#compare = compareUnits;
  }

  /** The last block that starts at or before the key; the first block for keys before all. */
  #blockOf(key: string): number {
    let low = 0;
    let high = this.#blocks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#compare(this.#blocks[middle]?.[0] ?? "", key) <= 0) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }

  /** Where the key stands or would stand in a block; `past` gives the position after it. */
  #position(block: readonly string[], key: string, past: boolean): number {
    let low = 0;
    let high = block.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const order = this.#compare(block[middle] ?? "", key);
      if (order < 0 || (past && order === 0)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function compareUnits(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function compareWide(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at += 1) {
    const [left, right] = [a.charCodeAt(at), b.charCodeAt(at)];
    if (left !== right) return rank(left) - rank(right);
  }
  return a.length - b.length;
}

/** Surrogates stand for characters above U+FFFF: they sort after every other unit. */
function rank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}
