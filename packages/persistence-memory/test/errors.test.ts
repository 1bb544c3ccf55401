import { StoreError } from "@orbit/persistence/driver";
import { expect, test } from "vitest";

import { toStoreError } from "../src/errors.ts";
import { failure } from "./fake-disk.ts";

test.each([
  ["ENOSPC", "FULL", false],
  ["EDQUOT", "FULL", false],
  ["EFBIG", "FULL", false],
  ["EACCES", "DENIED", false],
  ["EPERM", "DENIED", false],
  ["EROFS", "DENIED", false],
  ["ENOENT", "INVALID_CONFIG", false],
  ["ENOTDIR", "INVALID_CONFIG", false],
  ["EISDIR", "INVALID_CONFIG", false],
  ["ENAMETOOLONG", "INVALID_CONFIG", false],
  ["ELOOP", "INVALID_CONFIG", false],
  ["EIO", "UNAVAILABLE", true],
  ["EMFILE", "UNAVAILABLE", true],
  ["ENFILE", "UNAVAILABLE", true],
  ["EBUSY", "UNAVAILABLE", true],
  ["ETIMEDOUT", "UNAVAILABLE", true],
  ["ESTALE", "UNAVAILABLE", true],
  ["EWHATEVER", "INTERNAL", false],
])("%s becomes %s", (system, code, retryable) => {
  const cause = failure(system);
  const error = toStoreError(cause, "writing /data/backup");
  expect(error).toMatchObject({ code, retryable, outcome: "none", cause });
  expect(error.message).toContain(`[${code}] writing /data/backup: `);
  expect(error.message).toContain(system);
});

test("an error of the store stays as it is, and what is no Error still has a reason", () => {
  const own = new StoreError("CORRUPT", "damaged");
  expect(toStoreError(own, "reading")).toBe(own);
  expect(toStoreError("thrown text", "reading")).toMatchObject({ code: "INTERNAL", cause: "thrown text" });
});
