import { create, fromBinary, toBinary, toJson } from "@bufbuild/protobuf";
import { expect, test } from "vitest";

import {
  AbandonAddressableLeaseResponseProtoSchema,
  AddressableKeyProtoSchema,
  AddressableKeySchema,
  AddressableLeaseProtoSchema,
  AddressableLeaseSchema,
  AddressableManagementService,
  ErrorDetailSchema,
  HealthCheckRequestSchema,
  HealthCheckResponse_ServingStatus,
  HealthCheckResponseSchema,
  NodeInfoProtoSchema,
  NodeLeaseResponseProto_Status,
  NodeLeaseResponseProtoSchema,
  NodeLeaseSchema,
  NodeManagementService,
  NodeStatusProto,
  RenewNodeLeaseRequestProtoSchema,
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
  // As clients of the original Orbit send and read it.
  [
    "a node",
    toBinary(
      NodeInfoProtoSchema,
      create(NodeInfoProtoSchema, {
        id: { key: "k", namespace: "n" },
        capabilities: { addressableTypes: ["T"] },
        visibleNodes: [{ key: "v" }],
        lease: { challengeToken: "c", renewAt: { seconds: 1n }, expiresAt: { seconds: 2n } },
        url: "u",
        status: NodeStatusProto.DRAINING,
      }),
    ),
    "0a060a016b12016e12030a01541a030a0176220b0a0163120208011a0208022a01753003",
  ],
  [
    "a refusal",
    toBinary(
      NodeLeaseResponseProtoSchema,
      create(NodeLeaseResponseProtoSchema, { status: NodeLeaseResponseProto_Status.ERROR, errorDescription: "e" }),
    ),
    "08011a0165",
  ],
  [
    "a renewal",
    toBinary(
      RenewNodeLeaseRequestProtoSchema,
      create(RenewNodeLeaseRequestProtoSchema, { challengeToken: "c", capabilities: {} }),
    ),
    "0a01631200",
  ],
  [
    "the original's int32Key",
    toBinary(AddressableKeyProtoSchema, create(AddressableKeyProtoSchema, { key: { case: "int32Key", value: 7 } })),
    "0807",
  ],
  [
    "the original's int64Key",
    toBinary(AddressableKeyProtoSchema, create(AddressableKeyProtoSchema, { key: { case: "int64Key", value: -1n } })),
    "10ffffffffffffffffff01",
  ],
  [
    "the original's stringKey",
    toBinary(
      AddressableKeyProtoSchema,
      create(AddressableKeyProtoSchema, { key: { case: "stringKey", value: "bob" } }),
    ),
    "1a03626f62",
  ],
  [
    "the original's noKey",
    toBinary(AddressableKeyProtoSchema, create(AddressableKeyProtoSchema, { key: { case: "noKey", value: true } })),
    "2001",
  ],
  [
    "an addressable lease with its fence",
    toBinary(
      AddressableLeaseProtoSchema,
      create(AddressableLeaseProtoSchema, {
        nodeId: { key: "k" },
        reference: { type: "T", key: { key: { case: "noKey", value: true } } },
        renewAt: { seconds: 1n },
        expiresAt: { seconds: 2n },
        fence: 3n,
      }),
    ),
    "0a030a016b12070a0154120220011a02080122020802a00603",
  ],
  [
    "an abandoned lease",
    toBinary(
      AbandonAddressableLeaseResponseProtoSchema,
      create(AbandonAddressableLeaseResponseProtoSchema, { abandoned: true }),
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

test("the original's services and methods have its names", () => {
  const names = [NodeManagementService, AddressableManagementService].map(({ typeName, methods }) => [
    typeName,
    ...methods.map(({ name }) => name),
  ]);
  expect(names).toEqual([
    ["orbit.shared.NodeManagement", "JoinCluster", "RenewLease", "LeaveCluster"],
    ["orbit.shared.AddressableManagement", "RenewLease", "AbandonLease"],
  ]);
});
