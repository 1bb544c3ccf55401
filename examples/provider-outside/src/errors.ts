import { StoreError, type StoreErrorCode } from "@orbit/persistence/driver";

type Meaning = readonly [code: StoreErrorCode, reason: string];

const DENIED: Meaning = ["DENIED", "this user may not read and write there: mend the owner or mode"];
const FULL: Meaning = ["FULL", "no space is left: free space on the disk, or delete entries"];
const PATH: Meaning = ["INVALID_ARGUMENT", "path: expected a directory that exists or can be made"];
const LIMIT: Meaning = ["UNAVAILABLE", "too many files are open: raise the limit of this process"];

/** What the file system's codes mean here. A code that is not in the table is a defect: it shows as `INTERNAL`. */
const CODES: Readonly<Record<string, Meaning>> = {
  EACCES: DENIED,
  EPERM: DENIED,
  EROFS: ["DENIED", "the file system is read-only: give another path"],
  ENOSPC: FULL,
  EDQUOT: FULL,
  ENOENT: PATH,
  ENOTDIR: PATH,
  EEXIST: PATH,
  ELOOP: PATH,
  ENAMETOOLONG: ["UNSUPPORTED", "the file system takes only shorter names: give a path on another one"],
  EMFILE: LIMIT,
  ENFILE: LIMIT,
  EIO: ["UNAVAILABLE", "the disk failed to read or write: check it"],
};

/** Turns what the file system threw into a StoreError. `outcome`: whether a write may have been applied all the same. */
export function toStoreError(cause: unknown, outcome: "none" | "unknown" = "none"): StoreError {
  if (StoreError.is(cause)) return cause;
  const code = codeOf(cause) ?? "an unknown error";
  const [meaning, reason] = CODES[code] ?? ["INTERNAL", "the file system failed in a way that is not known"];
  return new StoreError(meaning, `${reason} (${code})`, { cause, outcome });
}

/** Returns the system's code of an error, such as `ENOENT`. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}
