import { StoreError } from "@orbit/persistence/driver";

import { HEADER_BYTES } from "./entries.ts";

/** LMDB's own bytes for an entry, beside key, header and value. */
const NODE_BYTES = 16;

/**
 * The part of map_size that entries may take. LMDB's pages are two thirds full on average, and copy-on-write needs
 * free ones: with the other half they always find room. LMDB itself would only grow the file, without an end.
 */
const ENTRIES_PART = 0.5;

/** The most bytes that entries may take. */
export function entriesLimit(mapSize: number): number {
  return Math.floor(mapSize * ENTRIES_PART);
}

/** The bytes that count for one entry. Stored data depends on it: a change of it is a change of the format. */
export function entryBytes(key: string, valueBytes: number): number {
  return Buffer.byteLength(key) + HEADER_BYTES + NODE_BYTES + valueBytes;
}

/** Counts the bytes of all entries through one transaction. */
export class Space {
  readonly #limit: number;
  #used: number;

  constructor(used: number, mapSize: number) {
    this.#limit = entriesLimit(mapSize);
    this.#used = used;
  }

  get used(): number {
    return this.#used;
  }

  /** Counts bytes added or, negative, removed. What makes nothing larger is never refused. */
  add(bytes: number): void {
    const used = this.#used + bytes;
    if (bytes > 0 && used > this.#limit) {
      const reason = `entries would take ${used} bytes, and may take half of map_size, ${this.#limit}`;
      throw new StoreError("FULL", `${reason}: raise map_size, or delete entries`);
    }
    this.#used = used;
  }
}
