import { StoreError, type StoreErrorCode } from "@orbit/persistence/driver";

const CODES: Readonly<Record<string, readonly [StoreErrorCode, string]>> = {
  ENOSPC: ["FULL", "the disk is full: make room"],
  EDQUOT: ["FULL", "the disk quota is used up: make room or raise it"],
  EFBIG: ["FULL", "the file system allows no larger file: choose another path"],
  EACCES: ["DENIED", "no permission: let this user read and write there"],
  EPERM: ["DENIED", "no permission: let this user read and write there"],
  EROFS: ["DENIED", "the file system is read-only: choose another path"],
  ENOENT: ["INVALID_CONFIG", "the directory does not exist: create it or mend the path"],
  ENOTDIR: ["INVALID_CONFIG", "a part of the path is no directory: mend the path"],
  EISDIR: ["INVALID_CONFIG", "a directory stands there, a file is needed: mend the path"],
  ENAMETOOLONG: ["INVALID_CONFIG", "the path is too long: choose another"],
  ELOOP: ["INVALID_CONFIG", "the path is a loop of links: mend it"],
  EIO: ["UNAVAILABLE", "the disk reports an input/output error: check it"],
  EMFILE: ["UNAVAILABLE", "the process has too many open files: raise its limit"],
  ENFILE: ["UNAVAILABLE", "the system has too many open files"],
  EBUSY: ["UNAVAILABLE", "the file is in use"],
  ETIMEDOUT: ["UNAVAILABLE", "the file system does not answer"],
  ESTALE: ["UNAVAILABLE", "the network file system lost the file: mount it again"],
};

/** Maps an error of the file system. What it does not know becomes `INTERNAL`, with itself as cause. */
export function toStoreError(cause: unknown, doing: string): StoreError {
  if (StoreError.is(cause)) return cause;
  const known = CODES[codeOf(cause) ?? ""];
  if (known === undefined) return new StoreError("INTERNAL", `${doing}: ${describe(cause)}`, { cause });
  const [code, reason] = known;
  return new StoreError(code, `${doing}: ${reason} (${codeOf(cause)})`, { cause });
}

/** Returns the system's code of an error, such as `ENOENT`. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

function describe(cause: unknown): string {
  return cause instanceof Error ? cause.message : "an error that is no Error";
}
