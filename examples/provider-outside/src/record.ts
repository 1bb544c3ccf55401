import { randomBytes } from "node:crypto";
import { crc32 } from "node:zlib";

import { type Entry, StoreError, type Version } from "@orbit/persistence/driver";

/* A file holds: CRC-32 of all that follows (4 bytes, little-endian), version (16 random bytes), value. */
const VERSION_AT = 4;
const VALUE_AT = VERSION_AT + 16;

/** Makes the bytes of a file under a version of its own, which is never used again because it is drawn at random. */
export function encodeRecord(value: Uint8Array): { readonly bytes: Buffer; readonly version: Version } {
  const bytes = Buffer.allocUnsafe(VALUE_AT + value.length);
  bytes.set(randomBytes(VALUE_AT - VERSION_AT), VERSION_AT);
  bytes.set(value, VALUE_AT);
  bytes.writeUInt32LE(crc32(bytes.subarray(VERSION_AT)), 0);
  return { bytes, version: bytes.toString("hex", VERSION_AT, VALUE_AT) as Version };
}

/** Reads the bytes of a file. Throws `CORRUPT` where they are damaged. */
export function decodeRecord(key: string, bytes: Buffer): Entry {
  if (bytes.length < VALUE_AT || crc32(bytes.subarray(VERSION_AT)) !== bytes.readUInt32LE(0)) {
    throw new StoreError("CORRUPT", "the file is damaged: restore it from a backup, or remove it", { key });
  }
  const version = bytes.toString("hex", VERSION_AT, VALUE_AT) as Version;
  return { key, value: new Uint8Array(bytes.subarray(VALUE_AT)), version };
}
