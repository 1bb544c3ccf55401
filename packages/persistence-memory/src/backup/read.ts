import { crc32 } from "node:zlib";

import { StoreError } from "@orbit/persistence/driver";

import type { Data } from "../data.ts";
import { codeOf } from "../errors.ts";
import type { VersionRange } from "../versions.ts";
import { coderOf } from "./codecs.ts";
import { type Files, type OpenFile, readInto } from "./files.ts";
import {
  BLOCK_HEADER_BYTES,
  type BackupMeta,
  checkBlock,
  checkEnd,
  damaged,
  decodeBlockHeader,
  decodeEntries,
  decodeHeader,
  decodeMeta,
  END_BYTES,
  HEADER_BYTES,
} from "./format.ts";

/** What {@link readBackup} found. */
export interface Restored {
  readonly entries: number;
  readonly meta: BackupMeta;
}

/**
 * Fills empty data from a backup, one block at a time. Returns `undefined` where there is no such file. Throws `CORRUPT`
 * with the reason where it is damaged, and leaves the data empty.
 */
export async function readBackup(data: Data, files: Files, path: string): Promise<Restored | undefined> {
  let file: OpenFile;
  try {
    file = await files.open(path, "read");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
  try {
    return await restore(data, file);
  } catch (error) {
    data.clear();
    if (StoreError.is(error)) throw error;
    // It was opened, so that this is the disk that can't give its bytes back: no better than damage.
    if (codeOf(error) !== undefined) throw damaged(`it can't be read (${codeOf(error)})`);
    throw error;
  } finally {
    await file.close();
  }
}

async function restore(data: Data, file: OpenFile): Promise<Restored> {
  const size = await file.size();
  let position = 0;
  let crc = 0;
  const take = async (length: number): Promise<Buffer> => {
    const bytes = Buffer.allocUnsafeSlow(Math.min(length, size - position));
    const read = await readInto(file, bytes, position);
    if (read < bytes.length) throw damaged("it was cut off while it was read");
    position += read;
    return bytes;
  };
  const header = await take(HEADER_BYTES);
  const coder = coderOf(decodeHeader(header));
  crc = crc32(header);
  let meta: BackupMeta | undefined;
  let entries = 0;
  const used = new Set<VersionRange>();
  for (;;) {
    const head = await take(BLOCK_HEADER_BYTES);
    if (head.length < BLOCK_HEADER_BYTES) throw damaged("its end is missing: it is cut off");
    const block = decodeBlockHeader(head, size - position);
    if (block === "end") {
      checkEnd(Buffer.concat([head, await take(END_BYTES - BLOCK_HEADER_BYTES)]), entries, crc);
      if (position < size) throw damaged("bytes follow its end");
      break;
    }
    const stored = await take(block.stored);
    checkBlock(head, stored);
    crc = crc32(stored, crc32(head, crc));
    if (meta === undefined) {
      meta = decodeMeta(stored);
      continue;
    }
    const raw = await coder.expand(stored, block.raw);
    if (raw.length !== block.raw) throw damaged(`a block expands to ${raw.length} bytes, and says ${block.raw}`);
    for (const { key, value, version, ttlMs } of decodeEntries(Buffer.from(raw.buffer, raw.byteOffset, raw.length))) {
      data.restore(key, value, version, ttlMs);
      const range = meta.ranges.findLast(({ from }) => from <= version);
      if (range !== undefined) used.add(range);
      entries += 1;
    }
  }
  if (meta === undefined) throw damaged("its first block is missing");
  // What no entry needs any more would pile up over restarts.
  return { entries, meta: { ...meta, ranges: meta.ranges.filter((range) => used.has(range)) } };
}
