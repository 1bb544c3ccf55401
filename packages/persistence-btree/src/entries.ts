import { crc32 } from "node:zlib";

import { type Entry, type Random, StoreError, type Version } from "@orbit/persistence/driver";

/*
 * What LMDB holds under a key: CRC-32 of the record with this field zero (4 bytes), version (16), store-clock time of
 * the write in milliseconds (8, a double), value. Numbers are little-endian.
 */
const VERSION_AT = 4;
const TIME_AT = VERSION_AT + 16;
export const HEADER_BYTES: number = TIME_AT + 8;
const CRC_OF_ZEROS = crc32(new Uint8Array(VERSION_AT));

/** Copies a value into a record that is still to be stamped, so that the caller may reuse its buffer at once. */
export function newRecord(value: Uint8Array): Buffer {
  const record = Buffer.allocUnsafe(HEADER_BYTES + value.length);
  record.set(value, HEADER_BYTES);
  return record;
}

/** Makes versions: eight random bytes drawn once, and a counter. Two sources never make the same one. */
export class VersionSource {
  readonly #prefix: Uint8Array;
  #high = 0;
  #low = 0;

  constructor(random: Random) {
    this.#prefix = random.fill(new Uint8Array(8));
  }

  /** Completes a record with a new version and the time of the write. */
  stamp(record: Buffer, writtenAt: number): Version {
    this.#low = (this.#low + 1) >>> 0;
    if (this.#low === 0) this.#high += 1;
    record.writeUInt32LE(0, 0);
    record.set(this.#prefix, VERSION_AT);
    record.writeUInt32BE(this.#high, VERSION_AT + 8);
    record.writeUInt32BE(this.#low, VERSION_AT + 12);
    record.writeDoubleLE(writtenAt, TIME_AT);
    record.writeUInt32LE(crc32(record), 0);
    return versionOf(record);
  }
}

/** How `lmdb` is told to leave records as they are. */
export const rawRecords: { encode(record: Uint8Array): Uint8Array; decode(bytes: Uint8Array): Buffer } = {
  encode: (record) => record,
  // A Buffer but for large records, which LMDB hands out from its memory map.
  decode: (bytes) => (bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)),
};

/** The version of a record, without a look at the rest: it is only compared. */
export function versionOf(record: Buffer): Version {
  return record.toString("hex", VERSION_AT, TIME_AT) as Version;
}

export function valueBytes(record: Buffer): number {
  return Math.max(0, record.length - HEADER_BYTES);
}

/**
 * Copies an entry out of a record, whose memory LMDB uses again. The age is rounded down: it never exceeds the time
 * that has really passed.
 *
 * @throws StoreError `CORRUPT` where the bytes are damaged. Such an entry can still be replaced or deleted
 * unconditionally.
 */
export function toEntry(key: string, record: Buffer, storeMs: number, keysOnly = false): Entry {
  const size = record.length;
  if (size < HEADER_BYTES || crc32(record.subarray(VERSION_AT, size), CRC_OF_ZEROS) !== record.readUInt32LE(0)) {
    throw new StoreError("CORRUPT", "the entry is damaged on disk: restore the directory from a backup", { key });
  }
  const ageMs = Math.max(0, Math.floor(storeMs - record.readDoubleLE(TIME_AT)));
  const value = Buffer.allocUnsafe(keysOnly ? 0 : size - HEADER_BYTES);
  record.copy(value, 0, HEADER_BYTES, HEADER_BYTES + value.length);
  return { key, value, version: versionOf(record), ageMs };
}
