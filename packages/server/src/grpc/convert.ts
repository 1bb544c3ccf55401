import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type Duration, durationFromMs, durationMs } from "@bufbuild/protobuf/wkt";
import type { HandlerContext } from "@connectrpc/connect";
import {
  type AddressableKey,
  type AddressableLease,
  type AddressableReference,
  type CallOptions,
  int32Key,
  int64Key,
  type LeaseGrant,
  noKey,
  type NodeInfo,
  type NodeLease,
  type NodeStatus,
  StoreError,
  stringKey,
  systemClock,
} from "@orbit/persistence";
import {
  type AddressableKeySchema,
  type AddressableLease as LeaseMessage,
  AddressableLeaseSchema,
  type AddressableReference as ReferenceMessage,
  type AddressableReferenceSchema,
  type LeaseGrant as GrantMessage,
  type Node as NodeMessage,
  type NodeKey as NodeKeyMessage,
  type NodeLease as NodeLeaseMessage,
  NodeLeaseSchema,
  NodeSchema,
  NodeStatus as Status,
} from "@orbit/proto";

/** Renewals at a third of the ttl leave room for two that fail. */
const RENEW_SHARE = 1 / 3;

/** The deadline and the signal of a call, for the store. */
export function callOptions(context: HandlerContext): CallOptions {
  const timeoutMs = context.timeoutMs();
  return {
    signal: context.signal,
    ...(timeoutMs === undefined ? {} : { deadline: systemClock.now() + timeoutMs }),
  };
}

/** Reads a duration as whole milliseconds, rounded up; absent stays absent. */
export function toMs(duration: Duration | undefined): number | undefined {
  return duration === undefined ? undefined : Math.ceil(durationMs(duration));
}

export function toReference(message: ReferenceMessage | undefined): AddressableReference {
  if (message === undefined) throw invalid("reference: missing");
  return { type: message.type, key: toKey(message) };
}

function toKey({ key }: ReferenceMessage): AddressableKey {
  switch (key?.kind.case) {
    case "stringKey":
      return stringKey(key.kind.value);
    case "int32Key":
      return int32Key(key.kind.value);
    case "int64Key":
      return int64Key(key.kind.value);
    case "noKey":
      return noKey;
    default:
      throw invalid("reference.key: expected one of string_key, int32_key, int64_key and no_key");
  }
}

export function toGrant(message: GrantMessage | undefined): LeaseGrant {
  if (message === undefined) throw invalid("grant: missing");
  return { reference: toReference(message.reference), grant: message.grant };
}

export function toNodeLease(message: NodeKeyMessage | undefined): NodeLease {
  if (message === undefined) throw invalid("node: missing");
  if (message.id === "") throw invalid("node.id: missing");
  if (!/^[0-9a-f]{32}$/.test(message.epoch)) {
    throw invalid("node.epoch: expected 32 hexadecimal digits, as answered by Join");
  }
  return { id: message.id, epoch: message.epoch };
}

const STATUSES: Readonly<Record<NodeStatus, Status>> = {
  starting: Status.STARTING,
  active: Status.ACTIVE,
  draining: Status.DRAINING,
  stopped: Status.STOPPED,
};

/** Reads a status that a node gives itself; unspecified is `undefined`. */
export function toNodeStatus(status: Status): Exclude<NodeStatus, "stopped"> | undefined {
  switch (status) {
    case Status.UNSPECIFIED:
      return undefined;
    case Status.STARTING:
      return "starting";
    case Status.ACTIVE:
      return "active";
    case Status.DRAINING:
      return "draining";
    default:
      throw invalid(`status: expected STARTING, ACTIVE or DRAINING, found ${status}; a node stops by LeaveNode`);
  }
}

export function fromNode(node: NodeInfo): NodeMessage {
  return create(NodeSchema, {
    id: node.id,
    epoch: node.epoch,
    url: node.url ?? "",
    addressableTypes: [...node.addressableTypes],
    metadata: { ...node.metadata },
    status: STATUSES[node.status],
    ttl: durationFromMs(node.ttlMs),
  });
}

export function fromNodeLease({ id, epoch, ttlMs }: NodeInfo): NodeLeaseMessage {
  const renewWithin = durationFromMs(Math.floor(ttlMs * RENEW_SHARE));
  return create(NodeLeaseSchema, { id, epoch, ttl: durationFromMs(ttlMs), renewWithin });
}

export function fromLease(lease: AddressableLease): LeaseMessage {
  return create(AddressableLeaseSchema, {
    reference: fromReference(lease.reference),
    nodeId: lease.node.key,
    epoch: lease.epoch,
    fence: lease.fence,
    grant: lease.grant,
    ...(lease.ttlMs === undefined ? {} : { ttl: durationFromMs(lease.ttlMs) }),
  });
}

function fromReference({ type, key }: AddressableReference): MessageInitShape<typeof AddressableReferenceSchema> {
  return { type, key: { kind: fromKey(key) } };
}

function fromKey(key: AddressableKey): NonNullable<MessageInitShape<typeof AddressableKeySchema>["kind"]> {
  switch (key.kind) {
    case "string":
      return { case: "stringKey", value: key.value };
    case "int32":
      return { case: "int32Key", value: key.value };
    case "int64":
      return { case: "int64Key", value: key.value };
    case "none":
      return { case: "noKey", value: {} };
  }
}

function invalid(reason: string): StoreError {
  return new StoreError("INVALID_ARGUMENT", reason);
}
