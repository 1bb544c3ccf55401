import { constants } from "node:os";

import { StoreError, type StoreErrorCode } from "@orbit/persistence/driver";
import { expect, test } from "vitest";

import { commitCause, toStoreError } from "../src/errors.ts";

const coded = (code: string | number): Error => Object.assign(new Error("as lmdb or node:fs say it"), { code });

const TABLE: readonly (readonly [string, string | number, StoreErrorCode, retryable: boolean])[] = [
  ["MDB_PAGE_NOTFOUND", -30797, "CORRUPT", false],
  ["MDB_CORRUPTED", -30796, "CORRUPT", false],
  ["MDB_PANIC", -30795, "UNAVAILABLE", true],
  ["MDB_VERSION_MISMATCH", -30794, "CORRUPT", false],
  ["MDB_INVALID", -30793, "CORRUPT", false],
  ["MDB_MAP_FULL", -30792, "FULL", false],
  ["MDB_READERS_FULL", -30790, "UNAVAILABLE", true],
  ["MDB_TXN_FULL", -30788, "TOO_LARGE", false],
  ["MDB_MAP_RESIZED", -30785, "UNAVAILABLE", true],
  ["MDB_INCOMPATIBLE", -30784, "CORRUPT", false],
  ["MDB_BAD_VALSIZE", -30781, "TOO_LARGE", false],
  ["MDB_BAD_CHECKSUM", -30778, "CORRUPT", false],
  ["MDB_ENV_ENCRYPTION", -30776, "CORRUPT", false],
  ["MDB_LOCK_FAILURE", -30775, "UNAVAILABLE", true],
  ["MDB_PROBLEM", -30779, "INTERNAL", false],
  ["EACCES of node:fs", "EACCES", "DENIED", false],
  ["EACCES of lmdb", constants.errno.EACCES, "DENIED", false],
  ["EPERM", constants.errno.EPERM, "DENIED", false],
  ["EROFS", constants.errno.EROFS, "DENIED", false],
  ["ENOSPC", constants.errno.ENOSPC, "FULL", false],
  ["EDQUOT", constants.errno.EDQUOT, "FULL", false],
  ["EFBIG", constants.errno.EFBIG, "FULL", false],
  ["EEXIST", "EEXIST", "INVALID_ARGUMENT", false],
  ["ENOTDIR", "ENOTDIR", "INVALID_ARGUMENT", false],
  ["EISDIR", constants.errno.EISDIR, "INVALID_ARGUMENT", false],
  ["ENOENT", constants.errno.ENOENT, "INVALID_ARGUMENT", false],
  ["ELOOP", "ELOOP", "INVALID_ARGUMENT", false],
  ["ENAMETOOLONG", "ENAMETOOLONG", "INVALID_ARGUMENT", false],
  ["ENOMEM", constants.errno.ENOMEM, "UNAVAILABLE", true],
  ["EMFILE", constants.errno.EMFILE, "UNAVAILABLE", true],
  ["EAGAIN", constants.errno.EAGAIN, "UNAVAILABLE", true],
  ["EBUSY", constants.errno.EBUSY, "UNAVAILABLE", true],
  ["EIO", constants.errno.EIO, "UNAVAILABLE", true],
  ["EINVAL", constants.errno.EINVAL, "UNSUPPORTED", false],
  ["an unknown number", 12_345, "INTERNAL", false],
  ["an unknown name", "EWHATEVER", "INTERNAL", false],
];

test.each(TABLE)("%s (%s) is %s", (_, code, expected, retryable) => {
  const cause = coded(code);
  const error = toStoreError(cause);
  expect(error).toBeInstanceOf(StoreError);
  expect(error).toMatchObject({ code: expected, retryable, outcome: "none", cause });
  expect(error.message.startsWith(`[${expected}] `)).toBe(true);
  // It says what to do next.
  expect(error.reason).toMatch(/[:;]/);
});

test("what has no code is INTERNAL, a StoreError stays itself, an unknown outcome is never retryable", () => {
  for (const cause of [new Error("no code"), "text", undefined, null]) {
    expect(toStoreError(cause).code).toBe("INTERNAL");
  }
  const own = new StoreError("FULL", "own");
  expect(toStoreError(own)).toBe(own);
  expect(toStoreError(coded("EIO"), "unknown")).toMatchObject({ outcome: "unknown", retryable: false });
});

test("the cause behind a failed commit is found", async () => {
  const cause = coded(constants.errno.ENOSPC);
  const failed = Object.assign(new Error("Commit failed (see commitError for details)"), {
    commitError: Promise.reject(cause),
  });
  expect(await commitCause(failed)).toBe(cause);
  expect(await commitCause(cause)).toBe(cause);
});
