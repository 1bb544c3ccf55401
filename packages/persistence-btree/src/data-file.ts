import { access, constants, type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";

import { StoreError } from "@orbit/persistence/driver";

import { toStoreError } from "./errors.ts";
import { DATA_FILE, isMissing } from "./files.ts";
import { TreeWalk } from "./tree.ts";

/*
 * The first two pages of a data file each describe one state of the database; the one with the higher transaction is
 * valid. This is LMDB's format 2 (struct MDB_meta of mdb.c) on 64-bit little-endian systems: offsets in bytes.
 */
const FLAGS_AT = 18;
const META_FLAG = 8;
const MAGIC_AT = 24;
const MAGIC = 0xbeefc0de;
const FORMAT_AT = 28;
const FORMAT = 2;
const PAGE_SIZE_AT = 48;
const FREE_TREE_AT = 48;
const MAIN_TREE_AT = 96;
const LAST_PAGE_AT = 144;
const TRANSACTION_AT = 152;
const META_BYTES = 168;

/** Elsewhere the layout differs, and LMDB is trusted. */
const KNOWN_LAYOUT = ["x64", "arm64"].includes(process.arch);

/** Up to this size every page is looked at, which takes some tens of milliseconds. */
const WALK_BYTES = 64 * 1024 * 1024;
const WALKS = 5;

/**
 * Looks at the data file before LMDB does, which may crash the process over a file that is no database, over missing
 * pages and over damaged ones. Returns `false` where there is no file yet.
 *
 * @throws StoreError `CORRUPT`, or `DENIED` where it may not be read and written.
 */
export async function checkDataFile(path: string): Promise<boolean> {
  try {
    await checkLockFile(path);
    await using file = await open(join(path, DATA_FILE), constants.O_RDWR);
    if ((await file.stat()).size === 0) return false;
    if (KNOWN_LAYOUT) await checkPages(file);
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

/**
 * Walks the trees of a small file, and of one that is shorter than it says: that is damage, unless only free pages are
 * missing. Another thread or process may be writing meanwhile: then a fault means nothing, and who writes has it open.
 */
async function checkPages(file: FileHandle): Promise<void> {
  for (let walk = 0; walk < WALKS; walk += 1) {
    const { view, pageSize, lastPage, transaction } = await readState(file);
    const { size } = await file.stat();
    if (size > WALK_BYTES && size >= (lastPage + 1) * pageSize) return;
    const trees = new TreeWalk({ fd: file.fd, size, pageSize, lastPage });
    trees.add(view, FREE_TREE_AT);
    trees.add(view, MAIN_TREE_AT);
    const fault = trees.run();
    if (fault === undefined) return;
    if ((await readState(file)).transaction === transaction) throw corrupt(`data.mdb is damaged: ${fault}`);
  }
}

interface Meta {
  readonly view: DataView;
  readonly pageSize: number;
  readonly lastPage: number;
  readonly transaction: bigint;
}

/** The valid one of the two states. */
async function readState(file: FileHandle): Promise<Meta> {
  const first = await readMeta(file, 0);
  const second = await readMeta(file, first.pageSize);
  return second.transaction > first.transaction ? second : first;
}

async function readMeta(file: FileHandle, at: number): Promise<Meta> {
  const bytes = new Uint8Array(META_BYTES);
  const { bytesRead } = await file.read(bytes, 0, META_BYTES, at);
  const view = new DataView(bytes.buffer);
  const isMeta = (view.getUint16(FLAGS_AT, true) & META_FLAG) !== 0;
  if (bytesRead < META_BYTES || !isMeta || view.getUint32(MAGIC_AT, true) !== MAGIC) {
    throw corrupt("data.mdb is not an LMDB file");
  }
  const format = view.getUint32(FORMAT_AT, true) & 0xffff;
  if (format !== FORMAT) throw corrupt(`data.mdb has LMDB's format ${format}, expected ${FORMAT}`);
  const pageSize = view.getUint32(PAGE_SIZE_AT, true);
  if (pageSize < 512 || pageSize > 65_536 || (pageSize & (pageSize - 1)) !== 0) {
    throw corrupt(`data.mdb is damaged: expected pages of 512 to 65536 bytes, found ${pageSize}`);
  }
  const lastPage = Number(view.getBigUint64(LAST_PAGE_AT, true));
  return { view, pageSize, lastPage, transaction: view.getBigUint64(TRANSACTION_AT, true) };
}

function corrupt(reason: string): StoreError {
  return new StoreError("CORRUPT", `${reason}: restore the directory from a backup, or give another path`);
}
