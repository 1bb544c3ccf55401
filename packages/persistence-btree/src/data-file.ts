import { access, constants, type FileHandle, open } from "node:fs/promises";
import { endianness } from "node:os";
import { join } from "node:path";

import { StoreError } from "@orbit/persistence/driver";

import { toStoreError } from "./errors.ts";
import { DATA_FILE, isMissing } from "./files.ts";

/*
 * The first two pages of a data file each describe one state of the tree; the one with the higher transaction is
 * valid. This is LMDB's format 2 (struct MDB_page and MDB_meta of mdb.c), as far as it is read here: offsets in bytes.
 */
const FLAGS_AT = 18;
const META_FLAG = 8;
const MAGIC_AT = 24;
const MAGIC = 0xbeefc0de;
const FORMAT_AT = 28;
const FORMAT = 2;
const PAGE_SIZE_AT = 48;
const LAST_PAGE_AT = 144;
const TRANSACTION_AT = 152;
const META_BYTES = 168;
const LITTLE_ENDIAN = endianness() === "LE";

/**
 * Looks at the data file before LMDB does, which may crash the process over a file that is no database, or that is
 * shorter than it says. Returns `false` where there is none yet.
 *
 * @throws StoreError `CORRUPT`, or `DENIED` where it may not be read and written.
 */
export async function checkDataFile(path: string): Promise<boolean> {
  try {
    await checkLockFile(path);
    await using file = await open(join(path, DATA_FILE), constants.O_RDWR);
    if ((await file.stat()).size === 0) return false;
    const first = await readMeta(file, 0);
    const second = await readMeta(file, first.pageSize);
    const { lastPage, pageSize } = second.transaction > first.transaction ? second : first;
    const expected = (lastPage + 1n) * BigInt(pageSize);
    // Asked after the pages were read: another thread may be writing, and the file grows before its pages say so.
    const { size } = await file.stat();
    if (BigInt(size) < expected)
      throw corrupt(`data.mdb is cut off: expected at least ${expected} bytes, found ${size}`);
    return true;
  } catch (cause) {
    if (isMissing(cause)) return false;
    throw toStoreError(cause);
  }
}

/** LMDB opens its lock file as well. Here it must not be opened: closing it again would drop LMDB's own locks. */
async function checkLockFile(path: string): Promise<void> {
  try {
    await access(join(path, "lock.mdb"), constants.R_OK | constants.W_OK);
  } catch (cause) {
    if (!isMissing(cause)) throw cause;
  }
}

interface Meta {
  readonly pageSize: number;
  readonly lastPage: bigint;
  readonly transaction: bigint;
}

async function readMeta(file: FileHandle, at: number): Promise<Meta> {
  const bytes = new Uint8Array(META_BYTES);
  const { bytesRead } = await file.read(bytes, 0, META_BYTES, at);
  const view = new DataView(bytes.buffer);
  const isMeta = (view.getUint16(FLAGS_AT, LITTLE_ENDIAN) & META_FLAG) !== 0;
  if (bytesRead < META_BYTES || !isMeta || view.getUint32(MAGIC_AT, LITTLE_ENDIAN) !== MAGIC) {
    throw corrupt("data.mdb is not an LMDB file");
  }
  const format = view.getUint32(FORMAT_AT, LITTLE_ENDIAN) & 0xffff;
  if (format !== FORMAT) throw corrupt(`data.mdb has LMDB's format ${format}, expected ${FORMAT}`);
  const pageSize = view.getUint32(PAGE_SIZE_AT, LITTLE_ENDIAN);
  if (pageSize < 512 || pageSize > 65_536 || (pageSize & (pageSize - 1)) !== 0) {
    throw corrupt(`data.mdb is damaged: expected pages of 512 to 65536 bytes, found ${pageSize}`);
  }
  return {
    pageSize,
    lastPage: view.getBigUint64(LAST_PAGE_AT, LITTLE_ENDIAN),
    transaction: view.getBigUint64(TRANSACTION_AT, LITTLE_ENDIAN),
  };
}

function corrupt(reason: string): StoreError {
  return new StoreError("CORRUPT", `${reason}: restore the directory from a backup, or give another path`);
}
