import { Code, ConnectError } from "@connectrpc/connect";
import { STORE_ERROR_CODES, StoreError } from "@orbit/persistence";
import { ErrorDetail_Outcome, ErrorDetailSchema } from "@orbit/proto";
import { expect, test } from "vitest";

import { toStatus } from "../src/grpc/errors.ts";

const EXPECTED = {
  INVALID_ARGUMENT: "InvalidArgument",
  INVALID_CONFIG: "Internal",
  UNSUPPORTED: "Unimplemented",
  CLOSED: "Unavailable",
  ABORTED: "Canceled",
  TIMEOUT: "DeadlineExceeded",
  UNAVAILABLE: "Unavailable",
  THROTTLED: "ResourceExhausted",
  DENIED: "Internal",
  TOO_LARGE: "InvalidArgument",
  FULL: "ResourceExhausted",
  CORRUPT: "DataLoss",
  CONFLICT: "Aborted",
  LEASE_LOST: "FailedPrecondition",
  INTERNAL: "Internal",
} as const;

test.each(STORE_ERROR_CODES)("%s has its status, and tells the rest in its detail", (code) => {
  const status = toStatus(new StoreError(code, "why", { provider: "btree", operation: "get" }));
  expect(Code[status.code]).toBe(EXPECTED[code]);
  expect(status.rawMessage).toBe(`[${code}] btree get: why`);
  const [detail] = status.details;
  expect(detail).toMatchObject({
    desc: ErrorDetailSchema,
    value: { code, outcome: ErrorDetail_Outcome.NONE, retryable: new StoreError(code, "").retryable },
  });
});

test("a write that may have been applied never has a status that clients retry by themselves", () => {
  for (const code of STORE_ERROR_CODES) {
    const status = toStatus(new StoreError(code, "why", { outcome: "unknown" }));
    expect(status.code).not.toBe(Code.Unavailable);
    expect(status.details[0]).toMatchObject({ value: { outcome: ErrorDetail_Outcome.UNKNOWN, retryable: false } });
  }
});

test("a call that was given up has the reason of its signal", () => {
  const cause = new ConnectError("the server is stopping", Code.Unavailable);
  expect(toStatus(new StoreError("ABORTED", "given up", { cause })).code).toBe(Code.Unavailable);
});

test("a defect does not show its insides", () => {
  const status = toStatus(new TypeError("secret path /etc/x"));
  expect(status.code).toBe(Code.Internal);
  expect(status.message).not.toContain("secret");
});
