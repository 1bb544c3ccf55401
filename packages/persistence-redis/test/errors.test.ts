import { StoreError } from "@orbit/persistence";
import { expect, test } from "vitest";

import { toStoreError } from "../src/errors.ts";

const failure = (code: string): Error => Object.assign(new Error(code), { code });

test.each([
  ["EACCES", "DENIED", false, "none"],
  ["ECONNREFUSED", "UNAVAILABLE", true, "none"],
  ["ECONNRESET", "UNAVAILABLE", false, "unknown"],
  ["ENOSPC", "FULL", false, "none"],
  ["ENOTFOUND", "UNAVAILABLE", true, "none"],
  ["ETIMEDOUT", "TIMEOUT", false, "unknown"],
  ["EWHATEVER", "INTERNAL", false, "none"],
])("a write that fails with %s is %s", (client, code, retryable, outcome) => {
  expect(toStoreError(failure(client), true)).toMatchObject({ code, retryable, outcome, provider: "redis" });
});

test("a read that fails changed nothing, so it may be sent again", () => {
  expect(toStoreError(failure("ECONNRESET"), false)).toMatchObject({ retryable: true, outcome: "none" });
});

test("what is a StoreError already stays as it is", () => {
  const error = new StoreError("FULL", "no room");
  expect(toStoreError(error, true)).toBe(error);
});
