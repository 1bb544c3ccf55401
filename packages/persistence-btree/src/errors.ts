import { constants } from "node:os";

import { StoreError, type StoreErrorCode } from "@orbit/persistence/driver";

type Meaning = readonly [code: StoreErrorCode, reason: string];

const DAMAGED = "the data file is damaged: restore the directory from a backup, or remove it to start empty";
const FULL = "no space is left: free space on the disk, or delete entries";
const DENIED = "the data directory may not be read and written by this user: mend its owner or mode";
const PATH = "path: expected a directory that exists or can be made";
const LIMIT = "a limit of the operating system was reached: raise it for this process";

/** What LMDB's own return codes mean here. */
const LMDB: ReadonlyMap<number, Meaning> = new Map([
  [-30797, ["CORRUPT", DAMAGED]], // MDB_PAGE_NOTFOUND
  [-30796, ["CORRUPT", DAMAGED]], // MDB_CORRUPTED
  [-30795, ["UNAVAILABLE", "the disk failed while a commit was written: mend the disk, then restart this process"]], // MDB_PANIC
  [-30794, ["CORRUPT", "the data file has another LMDB format: open it with the version that wrote it"]], // MDB_VERSION_MISMATCH
  [-30793, ["CORRUPT", "data.mdb is not an LMDB file: restore the directory from a backup, or give another path"]], // MDB_INVALID
  [-30792, ["FULL", "the data has reached map_size: raise map_size, or delete entries"]], // MDB_MAP_FULL
  [-30790, ["UNAVAILABLE", "too many readers are open: close stores that are not used"]], // MDB_READERS_FULL
  [-30788, ["TOO_LARGE", "the transaction is too large: write fewer operations at once"]], // MDB_TXN_FULL
  [-30785, ["UNAVAILABLE", "the data outgrew the address space: raise map_size"]], // MDB_MAP_RESIZED
  [-30784, ["CORRUPT", "the data file holds other tables than Orbit's: give another path"]], // MDB_INCOMPATIBLE
  [-30781, ["TOO_LARGE", "a key or value is over LMDB's limit: make it shorter"]], // MDB_BAD_VALSIZE
  [-30778, ["CORRUPT", DAMAGED]], // MDB_BAD_CHECKSUM
  [-30776, ["CORRUPT", "the data file is encrypted by LMDB, which Orbit does not use: give another path"]], // MDB_ENV_ENCRYPTION
  [-30775, ["UNAVAILABLE", LIMIT]], // MDB_LOCK_FAILURE
]);

const SYSTEM: Readonly<Record<string, Meaning>> = {
  EACCES: ["DENIED", DENIED],
  EPERM: ["DENIED", DENIED],
  EROFS: ["DENIED", "the file system is mounted read-only: mount it for writing, or give another path"],
  ENOSPC: ["FULL", FULL],
  EDQUOT: ["FULL", FULL],
  EFBIG: [
    "FULL",
    "the data file has reached the largest size that this file system or process may write: raise that limit",
  ],
  EEXIST: ["INVALID_ARGUMENT", PATH],
  ENOTDIR: ["INVALID_ARGUMENT", PATH],
  EISDIR: ["INVALID_ARGUMENT", PATH],
  ENOENT: ["INVALID_ARGUMENT", PATH],
  ELOOP: ["INVALID_ARGUMENT", PATH],
  ENAMETOOLONG: ["INVALID_ARGUMENT", PATH],
  ENOMEM: ["UNAVAILABLE", "the system gave no memory or address space: lower map_size, or raise the limit (ulimit -v)"],
  EMFILE: ["UNAVAILABLE", LIMIT],
  ENFILE: ["UNAVAILABLE", LIMIT],
  EAGAIN: ["UNAVAILABLE", "the lock file is busy: another process may be using the directory"],
  EBUSY: ["UNAVAILABLE", "the data directory is busy: try again later"],
  EIO: ["UNAVAILABLE", "the disk failed to read or write: check the disk"],
  EINVAL: ["UNSUPPORTED", "the file system refuses what LMDB needs (memory maps and locks): use a local disk"],
};

/** lmdb reports numbers, the file system names. */
const BY_ERRNO: ReadonlyMap<number, Meaning> = new Map(
  Object.entries(constants.errno).flatMap(([name, number]) => {
    const meaning = SYSTEM[name];
    return meaning === undefined ? [] : [[number, meaning] as const];
  }),
);

/** Maps what `lmdb` or the file system threw. `outcome` tells whether a write may have been applied all the same. */
export function toStoreError(cause: unknown, outcome: "none" | "unknown" = "none"): StoreError {
  if (StoreError.is(cause)) return cause;
  const [code, reason] = meaning(codeOf(cause));
  return new StoreError(code, reason, { cause, outcome });
}

function meaning(code: unknown): Meaning {
  const fallback: Meaning = ["INTERNAL", "lmdb failed in a way that is not known; its own message is the cause"];
  if (typeof code === "number") return LMDB.get(code) ?? BY_ERRNO.get(code) ?? fallback;
  return (typeof code === "string" ? SYSTEM[code] : undefined) ?? fallback;
}

function codeOf(cause: unknown): unknown {
  return cause instanceof Error && "code" in cause ? cause.code : undefined;
}

/** The error of lmdb that stands behind "Commit failed", which carries it as a promise. */
export async function commitCause(error: unknown): Promise<unknown> {
  if (!(error instanceof Error && "commitError" in error)) return error;
  try {
    await error.commitError;
    return error;
  } catch (cause) {
    return cause;
  }
}
