import type { MessageInitShape } from "@bufbuild/protobuf";
import { type Timestamp, timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  type AddressableKey,
  type AddressableLease,
  type AddressableReference,
  int32Key,
  int64Key,
  noKey,
  type NodeInfo,
  type NodeStatus,
  StoreError,
  stringKey,
} from "@orbit/persistence";
import {
  type AddressableKeyProtoSchema,
  type AddressableLeaseProtoSchema,
  type AddressableReferenceProto,
  type NodeInfoProtoSchema,
  NodeStatusProto,
} from "@orbit/proto";

export function toReference(message: AddressableReferenceProto | undefined): AddressableReference {
  if (message === undefined) throw invalid("reference: missing");
  return { type: message.type, key: toKey(message) };
}

function toKey({ key }: AddressableReferenceProto): AddressableKey {
  switch (key?.key.case) {
    case "int32Key":
      return int32Key(key.key.value);
    case "int64Key":
      return int64Key(key.key.value);
    case "stringKey":
      return stringKey(key.key.value);
    case "noKey":
      return noKey;
    default:
      throw invalid("reference.key: expected one of int32Key, int64Key, stringKey and noKey");
  }
}

const STATUSES: Readonly<Record<NodeStatus, NodeStatusProto>> = {
  stopped: NodeStatusProto.STOPPED,
  starting: NodeStatusProto.STARTING,
  active: NodeStatusProto.ACTIVE,
  draining: NodeStatusProto.DRAINING,
};

/** Tells a node to itself, with its token. `renewedAt` is when its request arrived, on the wall clock. */
export function fromNode(
  node: NodeInfo,
  token: string,
  renewedAt: number,
): MessageInitShape<typeof NodeInfoProtoSchema> {
  return {
    id: node.nodeId,
    capabilities: { addressableTypes: [...node.addressableTypes] },
    lease: { challengeToken: token, ...instants(renewedAt, node.ttlMs) },
    status: STATUSES[node.status],
  };
}

/** Tells a lease to its holder. `renewedAt` is when the request arrived, on the wall clock. */
export function fromLease(
  { node, reference, fence }: AddressableLease,
  renewedAt: number,
  ttlMs: number,
): MessageInitShape<typeof AddressableLeaseProtoSchema> {
  const key = { key: fromKey(reference.key) };
  return { nodeId: node, reference: { type: reference.type, key }, fence, ...instants(renewedAt, ttlMs) };
}

function fromKey(key: AddressableKey): NonNullable<MessageInitShape<typeof AddressableKeyProtoSchema>["key"]> {
  switch (key.kind) {
    case "int32":
      return { case: "int32Key", value: key.value };
    case "int64":
      return { case: "int64Key", value: key.value };
    case "string":
      return { case: "stringKey", value: key.value };
    case "none":
      return { case: "noKey", value: true };
  }
}

/** The instants are shared with every client, so they are by the wall clock; the store's own clock is what ends a life. */
function instants(renewedAt: number, ttlMs: number): { readonly renewAt: Timestamp; readonly expiresAt: Timestamp } {
  return { renewAt: timestampFromMs(renewedAt + ttlMs / 2), expiresAt: timestampFromMs(renewedAt + ttlMs) };
}

function invalid(reason: string): StoreError {
  return new StoreError("INVALID_ARGUMENT", reason);
}
