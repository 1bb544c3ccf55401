import { create, fromBinary, toBinary, toJson } from "@bufbuild/protobuf";
import { expect, test } from "vitest";

import {
  AddressableKeySchema,
  AddressableLeaseSchema,
  ErrorDetailSchema,
  HealthCheckRequestSchema,
  HealthCheckResponse_ServingStatus,
  HealthCheckResponseSchema,
  NodeLeaseSchema,
} from "../src/index.ts";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

// What stands on the wire for good. A client of last year must still be understood: never change these, add to them.
test.each([
  [
    "string key",
    toBinary(AddressableKeySchema, create(AddressableKeySchema, { kind: { case: "stringKey", value: "bob" } })),
    "0a03626f62",
  ],
  [
    "empty string key",
    toBinary(AddressableKeySchema, create(AddressableKeySchema, { kind: { case: "stringKey", value: "" } })),
    "0a00",
  ],
  [
    "int32 key 0",
    toBinary(AddressableKeySchema, create(AddressableKeySchema, { kind: { case: "int32Key", value: 0 } })),
    "1000",
  ],
  [
    "int64 key -1",
    toBinary(AddressableKeySchema, create(AddressableKeySchema, { kind: { case: "int64Key", value: -1n } })),
    "18ffffffffffffffffff01",
  ],
  [
    "no key",
    toBinary(AddressableKeySchema, create(AddressableKeySchema, { kind: { case: "noKey", value: {} } })),
    "2200",
  ],
  [
    "largest fence",
    toBinary(AddressableLeaseSchema, create(AddressableLeaseSchema, { nodeId: "n", fence: 2n ** 64n - 1n })),
    "12016e20ffffffffffffffffff01",
  ],
  [
    "ttl of 10.5 s",
    toBinary(NodeLeaseSchema, create(NodeLeaseSchema, { id: "n", ttl: { seconds: 10n, nanos: 500_000_000 } })),
    "0a016e1a08080a1080cab5ee01",
  ],
  [
    "error detail",
    toBinary(ErrorDetailSchema, create(ErrorDetailSchema, { code: "FULL", retryable: true })),
    "0a0446554c4c1801",
  ],
  // As grpc-java and grpc-go send and read it.
  ["health request", toBinary(HealthCheckRequestSchema, create(HealthCheckRequestSchema, { service: "x" })), "0a0178"],
  [
    "health answer",
    toBinary(
      HealthCheckResponseSchema,
      create(HealthCheckResponseSchema, { status: HealthCheckResponse_ServingStatus.SERVING }),
    ),
    "0801",
  ],
])("%s", (_, bytes, expected) => {
  expect(hex(bytes)).toBe(expected);
});

test("a fence above 2^53 survives the wire and JSON", () => {
  const fence = 2n ** 63n + 1n;
  const lease = fromBinary(
    AddressableLeaseSchema,
    toBinary(AddressableLeaseSchema, create(AddressableLeaseSchema, { fence })),
  );
  expect(lease.fence).toBe(fence);
  expect(toJson(AddressableLeaseSchema, lease)).toEqual({ fence: fence.toString() });
});
