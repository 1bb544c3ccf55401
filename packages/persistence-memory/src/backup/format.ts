import { crc32 } from "node:zlib";

import { StoreError } from "@orbit/persistence/driver";

import type { Slot } from "../table.ts";
import { writePacked } from "../value.ts";
import type { VersionRange } from "../versions.ts";
import { COMPRESSIONS, type Compression } from "./codecs.ts";

/*
 * A backup, all numbers little-endian:
 *
 *   header   "ORBITMEM" | format u16 | compression u8 | 0 u8 | crc32 of these 12 bytes
 *   blocks   stored length u32 | raw length u32 | crc32 of both and the stored bytes | stored bytes
 *   end      0xffffffff | number of entries f64 | crc32 of the whole file up to here
 *
 * The first block holds what concerns the store as a whole, the others hold entries. A block is compressed by itself, so
 * that neither writer nor reader ever holds more than one.
 */
const MAGIC = "ORBITMEM";
const FORMAT = 1;
export const HEADER_BYTES = 16;
export const BLOCK_HEADER_BYTES = 12;
/** The end is read as a block header whose length says so, and four bytes more. */
export const END_BYTES = 16;
const END_MARK = 0xffff_ffff;
const ENTRY_HEADER_BYTES = 24;
const MAX_BLOCK_BYTES = 2 ** 26;

/** What a backup holds beside entries. */
export interface BackupMeta {
  readonly ranges: readonly VersionRange[];
  readonly lastVersion: number;
  /** Fences up to this one may have been given out when it was written. */
  readonly fences: bigint;
}

export interface BackupEntry {
  readonly key: string;
  readonly value: Uint8Array;
  readonly version: number;
  readonly ttlMs: number | undefined;
}

export function damaged(reason: string): StoreError {
  return new StoreError("CORRUPT", reason);
}

export function encodeHeader(compression: Compression): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES);
  bytes.write(MAGIC, "latin1");
  bytes.writeUInt16LE(FORMAT, 8);
  bytes.writeUInt8(COMPRESSIONS.indexOf(compression), 10);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 12)), 12);
  return bytes;
}

export function decodeHeader(bytes: Buffer): Compression {
  if (bytes.length < HEADER_BYTES) throw damaged(`it ends after ${bytes.length} bytes, within its header`);
  if (bytes.toString("latin1", 0, 8) !== MAGIC) throw damaged("it does not start as a backup does");
  if (crc32(bytes.subarray(0, 12)) !== bytes.readUInt32LE(12)) throw damaged("its header does not match its checksum");
  const format = bytes.readUInt16LE(8);
  const compression = COMPRESSIONS[bytes.readUInt8(10)];
  if (format === FORMAT && compression !== undefined) return compression;
  // Its checksum holds: a newer version wrote it. To go on with an older backup would lose what it holds.
  throw new StoreError("UNSUPPORTED", `a newer version wrote it (format ${format}): open it with that version`);
}

/** Puts a block together from its stored bytes. */
export function encodeBlock(stored: Uint8Array, rawBytes: number): Buffer {
  const bytes = Buffer.allocUnsafe(BLOCK_HEADER_BYTES + stored.length);
  bytes.writeUInt32LE(stored.length, 0);
  bytes.writeUInt32LE(rawBytes, 4);
  bytes.set(stored, BLOCK_HEADER_BYTES);
  bytes.writeUInt32LE(crc32(stored, crc32(bytes.subarray(0, 8))), 8);
  return bytes;
}

export type BlockHeader = { readonly stored: number; readonly raw: number } | "end";

/** Reads a block header; `left` is how many bytes of the file follow it. */
export function decodeBlockHeader(bytes: Buffer, left: number): BlockHeader {
  const stored = bytes.readUInt32LE(0);
  if (stored === END_MARK) return "end";
  const raw = bytes.readUInt32LE(4);
  if (stored > left) throw damaged("it is cut off within a block");
  if (raw > MAX_BLOCK_BYTES) throw damaged(`a block claims ${raw} bytes`);
  return { stored, raw };
}

export function checkBlock(header: Buffer, stored: Buffer): void {
  if (crc32(stored, crc32(header.subarray(0, 8))) !== header.readUInt32LE(8)) {
    throw damaged("a block does not match its checksum");
  }
}

/** Encodes the end; `crc` is that of everything before it. */
export function encodeEnd(entries: number, crc: number): Buffer {
  const bytes = Buffer.alloc(END_BYTES);
  bytes.writeUInt32LE(END_MARK, 0);
  bytes.writeDoubleLE(entries, 4);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 12), crc), 12);
  return bytes;
}

export function checkEnd(bytes: Buffer, entries: number, crc: number): void {
  if (bytes.length !== END_BYTES) throw damaged("its end is cut off");
  if (crc32(bytes.subarray(0, 12), crc) !== bytes.readUInt32LE(12)) throw damaged("it does not match its checksum");
  if (bytes.readDoubleLE(4) !== entries) {
    throw damaged(`it holds ${entries} entries and says ${bytes.readDoubleLE(4)}`);
  }
}

export function encodeMeta({ ranges, lastVersion, fences }: BackupMeta): Buffer {
  const head = Buffer.alloc(20);
  head.writeBigUInt64LE(fences, 0);
  head.writeDoubleLE(lastVersion, 8);
  head.writeUInt32LE(ranges.length, 16);
  const rows = ranges.map(({ from, instance }) => {
    const row = Buffer.alloc(10 + instance.length);
    row.writeDoubleLE(from, 0);
    row.writeUInt16LE(instance.length, 8);
    row.write(instance, 10, "latin1");
    return row;
  });
  return Buffer.concat([head, ...rows]);
}

export function decodeMeta(bytes: Buffer): BackupMeta {
  const ranges: VersionRange[] = [];
  let at = 20;
  for (let left = bytes.readUInt32LE(16); left > 0; left -= 1) {
    const end = at + 10 + bytes.readUInt16LE(at + 8);
    ranges.push({ from: bytes.readDoubleLE(at), instance: bytes.toString("latin1", at + 10, end) });
    at = end;
  }
  return { ranges, lastVersion: bytes.readDoubleLE(8), fences: bytes.readBigUInt64LE(0) };
}

export function entryBytes(key: string, slot: Slot): number {
  return ENTRY_HEADER_BYTES + Buffer.byteLength(key) + slot.value.length;
}

/** Writes an entry at `offset`, and returns where the next one goes. It must fit. */
export function encodeEntry(target: Buffer, offset: number, key: string, slot: Slot): number {
  const keyBytes = target.write(key, offset + ENTRY_HEADER_BYTES, "utf8");
  const end = offset + ENTRY_HEADER_BYTES + keyBytes + slot.value.length;
  target.writeUInt32LE(keyBytes, offset);
  target.writeUInt32LE(slot.value.length, offset + 4);
  target.writeDoubleLE(slot.version, offset + 8);
  // The keys of a session get its whole time to live as their own: no session outlives its process.
  target.writeDoubleLE(slot.life?.session?.ttlMs ?? slot.life?.ttlMs ?? 0, offset + 16);
  writePacked(target, slot.value, end - slot.value.length);
  return end;
}

/** Reads the entries of a block. The values are views of it. */
export function* decodeEntries(bytes: Buffer): Generator<BackupEntry, void, undefined> {
  for (let at = 0; at < bytes.length;) {
    const keyEnd = at + ENTRY_HEADER_BYTES + bytes.readUInt32LE(at);
    const end = keyEnd + bytes.readUInt32LE(at + 4);
    const ttlMs = bytes.readDoubleLE(at + 16);
    yield {
      key: bytes.toString("utf8", at + ENTRY_HEADER_BYTES, keyEnd),
      value: bytes.subarray(keyEnd, end),
      version: bytes.readDoubleLE(at + 8),
      ttlMs: ttlMs === 0 ? undefined : ttlMs,
    };
    at = end;
  }
}
