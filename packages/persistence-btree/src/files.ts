import { statfsSync } from "node:fs";
import { access, constants, mkdir, open, realpath, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";

import { StoreError } from "@orbit/persistence/driver";

import { toStoreError } from "./errors.ts";

export const DATA_FILE = "data.mdb";

export interface Directory {
  /** The one name of the directory, with symbolic links resolved. */
  readonly path: string;
  /** Directories whose entries must reach the disk before the first write is acknowledged. */
  readonly toSync: readonly string[];
}

/** Makes the data directory where it is missing, and checks that it can be used. */
export async function prepareDirectory(given: string): Promise<Directory> {
  try {
    const asked = resolve(given);
    const firstMade = await mkdir(asked, { recursive: true, mode: 0o700 });
    const path = await realpath(asked);
    if (!(await stat(path)).isDirectory()) {
      throw new StoreError("INVALID_ARGUMENT", `path: expected a directory, found something else at ${given}`);
    }
    await access(path, constants.R_OK | constants.W_OK | constants.X_OK);
    return { path, toSync: firstMade === undefined ? [path] : upTo(path, dirname(await realpath(firstMade))) };
  } catch (cause) {
    const { code, reason } = toStoreError(cause);
    throw new StoreError(code, `${reason} (${given})`, { cause });
  }
}

function upTo(path: string, top: string): string[] {
  return path === top || path === dirname(path) ? [path] : [path, ...upTo(dirname(path), top)];
}

/** Makes the names of new files and directories durable, which syncing the files alone does not promise. */
export async function syncDirectories(paths: readonly string[]): Promise<void> {
  // Windows can't open a directory, and does not need to.
  if (process.platform === "win32") return;
  for (const path of paths) {
    await using directory = await open(path, "r");
    await directory.sync();
  }
}

/** Size of the data file; 0 where there is none. */
export async function dataFileBytes(path: string): Promise<number> {
  try {
    return (await stat(join(path, DATA_FILE))).size;
  } catch (cause) {
    if (isMissing(cause)) return 0;
    throw toStoreError(cause);
  }
}

export function isMissing(cause: unknown): boolean {
  return cause instanceof Error && "code" in cause && cause.code === "ENOENT";
}

/** A disk with less than this has no room for a transaction of usual size. */
export const MIN_FREE_BYTES: number = 1024 * 1024;

/** Refuses to begin a database on a full disk: LMDB would leave one by half, and may be killed over its lock file. */
export function checkRoom(path: string): void {
  const { freeBytes } = diskSpace(path);
  if (freeBytes >= MIN_FREE_BYTES) return;
  const reason = `a new database needs ${MIN_FREE_BYTES} bytes, ${freeBytes} are left on the disk of ${path}`;
  throw new StoreError("FULL", `${reason}: free space on it`);
}

export interface DiskSpace {
  readonly freeBytes: number;
  readonly totalBytes: number;
}

/** Space on the disk of the data directory, as this user may take it. Synchronous: asked between a failure and its report. */
export function diskSpace(path: string): DiskSpace {
  const { bavail, blocks, bsize } = statfsSync(path);
  return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
}
