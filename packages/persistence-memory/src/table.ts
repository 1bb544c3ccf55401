import type { Item } from "./expiry.ts";
import { KeyIndex } from "./key-index.ts";
import type { SessionState } from "./sessions.ts";
import type { Packed } from "./value.ts";

/** One state of one key. Never changed: a write puts another in its place. */
export interface Slot {
  readonly value: Packed;
  readonly version: number;
  /** Whole milliseconds of the store's clock, rounded up: an age is never told longer than it is. */
  readonly writtenAt: number;
  /** Present where the entry ends by itself. */
  readonly life: Life | undefined;
}

export interface Life {
  /** The instant from which the entry is gone; infinite where only the session ends it. */
  readonly at: number;
  /** The time to live that was granted, in milliseconds. */
  readonly ttlMs: number;
  readonly item: Item<string | SessionState> | undefined;
  readonly session: SessionState | undefined;
}

/** The entries of a store by key, and their keys in order. */
export class Table {
  readonly #slots = new Map<string, Slot>();
  readonly #index = new KeyIndex();
  #bytes = 0;
  #writes = 0;
  #snapshot: Snapshot | undefined;

  get size(): number {
    return this.#slots.size;
  }

  /** Bytes of all keys and values. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Counts every change; equal counts mean equal tables. */
  get writes(): number {
    return this.#writes;
  }

  get(key: string): Slot | undefined {
    return this.#slots.get(key);
  }

  set(key: string, slot: Slot): void {
    const old = this.#slots.get(key);
    this.#writes += 1;
    this.#snapshot?.keep(key, old);
    if (old !== undefined) {
      this.#bytes += slot.value.length - old.value.length;
      this.#slots.set(key, slot);
      return;
    }
    const own = detached(key);
    this.#bytes += slot.value.length + Buffer.byteLength(own);
    this.#slots.set(own, slot);
    this.#index.add(own);
  }

  delete(key: string): void {
    const old = this.#slots.get(key);
    if (old === undefined) return;
    this.#writes += 1;
    this.#snapshot?.keep(key, old);
    this.#bytes -= old.value.length + Buffer.byteLength(key);
    this.#slots.delete(key);
    this.#index.delete(key);
  }

  /** Compares two keys by byte order. */
  compare(a: string, b: string): number {
    return this.#index.compare(a, b);
  }

  /** Visits keys in byte order, from `start` or after it, until `visit` returns `false`. */
  visit(start: string, inclusive: boolean, visit: (key: string) => boolean): void {
    this.#index.visit(start, inclusive, visit);
  }

  clear(): void {
    this.#slots.clear();
    this.#index.clear();
    this.#bytes = 0;
    this.#writes += 1;
  }

  /** Starts to read the table as it is now, while writes go on. One at a time; the caller must release it. */
  snapshot(): Snapshot {
    this.#snapshot = new Snapshot(this, this.#index, () => {
      this.#snapshot = undefined;
    });
    return this.#snapshot;
  }
}

/** A state of a table that is read bit by bit. Costs memory only for keys that are written before it comes to them. */
export class Snapshot implements Disposable {
  readonly #table: Table;
  readonly #index: KeyIndex;
  readonly #release: () => void;
  readonly #before = new Map<string, Slot | undefined>();
  #position: string | undefined;

  constructor(table: Table, index: KeyIndex, release: () => void) {
    this.#table = table;
    this.#index = index;
    this.#release = release;
  }

  /** Keeps what stood at a key that is about to change, if it has not been read yet. */
  keep(key: string, slot: Slot | undefined): void {
    if (this.#position !== undefined && this.#index.compare(key, this.#position) <= 0) return;
    if (!this.#before.has(key)) this.#before.set(key, slot);
  }

  /** Passes entries on until `take` returns `false` or all are read. Returns whether there may be more. */
  read(take: (key: string, slot: Slot) => boolean): boolean {
    let more = false;
    this.#index.visit(this.#position ?? "", this.#position === undefined, (key) => {
      this.#position = key;
      const slot = this.#before.has(key) ? this.#before.get(key) : this.#table.get(key);
      this.#before.delete(key);
      more = slot !== undefined && !take(key, slot);
      return !more;
    });
    if (more) return true;
    // What is left was deleted before its turn came.
    for (const [key, slot] of this.#before) {
      this.#before.delete(key);
      if (slot !== undefined && !take(key, slot)) return true;
    }
    return false;
  }

  [Symbol.dispose](): void {
    this.#release();
  }
}

/** Copies a key: one that was cut from or put together out of other strings would keep those alive. */
function detached(key: string): string {
  const copy = Buffer.from(key, "latin1").toString("latin1");
  return copy === key ? copy : key;
}
