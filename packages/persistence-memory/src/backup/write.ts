import { crc32 } from "node:zlib";

import type { Data } from "../data.ts";
import { type Compression, coderOf } from "./codecs.ts";
import { type OpenFile, writeAll } from "./files.ts";
import { encodeBlock, encodeEnd, encodeEntry, encodeHeader, encodeMeta, entryBytes } from "./format.ts";

const BLOCK_BYTES = 2 ** 18;

/** What {@link writeBackup} wrote. */
export interface Written {
  readonly entries: number;
  readonly bytes: number;
}

/** Writes the state of the data at this instant, one block at a time, while operations go on. */
export async function writeBackup(data: Data, file: OpenFile, compression: Compression): Promise<Written> {
  const coder = coderOf(compression);
  let crc = 0;
  let bytes = 0;
  let entries = 0;
  const append = async (piece: Uint8Array): Promise<void> => {
    crc = crc32(piece, crc);
    bytes += piece.length;
    await writeAll(file, piece);
  };
  data.expire();
  // Up to the first `await`, so that versions and entries are of the same instant.
  using snapshot = data.table.snapshot();
  const meta = encodeMeta({
    ranges: data.versions.ranges,
    lastVersion: data.versions.last,
    fences: data.fences.ceiling,
  });
  await append(encodeHeader(compression));
  await append(encodeBlock(meta, meta.length));
  for (let more = true; more;) {
    let block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
    let end = 0;
    more = snapshot.read((key, slot) => {
      const needed = end + entryBytes(key, slot);
      if (needed > block.length) block = Buffer.concat([block.subarray(0, end)], needed);
      end = encodeEntry(block, end, key, slot);
      entries += 1;
      return end < BLOCK_BYTES;
    });
    if (end > 0) await append(encodeBlock(await coder.compress(block.subarray(0, end)), end));
  }
  await writeAll(file, encodeEnd(entries, crc));
  return { entries, bytes };
}
