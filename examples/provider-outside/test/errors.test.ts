import { expect, test } from "vitest";

import { toStoreError } from "../src/errors.ts";

const failure = (code: string): Error => Object.assign(new Error(code), { code });

test.each([
  ["EACCES", "DENIED", false],
  ["EROFS", "DENIED", false],
  ["ENOSPC", "FULL", false],
  ["ENOTDIR", "INVALID_ARGUMENT", false],
  ["ENAMETOOLONG", "UNSUPPORTED", false],
  ["EMFILE", "UNAVAILABLE", true],
  ["EIO", "UNAVAILABLE", true],
  ["EWHATEVER", "INTERNAL", false],
])("%s before anything was written is %s", (system, code, retryable) => {
  expect(toStoreError(failure(system))).toMatchObject({ code, retryable, outcome: "none" });
});

test("a failure after the rename is of unknown outcome, and not to be retried blindly", () => {
  expect(toStoreError(failure("EIO"), "unknown")).toMatchObject({ retryable: false, outcome: "unknown" });
});
