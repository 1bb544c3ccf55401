import type { AddressableKey, AddressableLease, AddressableReference, NodeInfo } from "@orbit/persistence";
import { int32Key, int64Key, noKey, StoreError, stringKey } from "@orbit/persistence";

/** A key in JSON; 64-bit numbers are text, since JSON's numbers are not exact. */
export type KeyJson =
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "int32"; readonly value: number }
  | { readonly kind: "int64"; readonly value: string }
  | { readonly kind: "none" };

export interface LeaseJson {
  readonly namespace: string;
  readonly type: string;
  readonly key: KeyJson;
  readonly node: string;
  readonly epoch: string;
  /** A 64-bit number as text. */
  readonly fence: string;
  readonly ttlMs?: number;
}

export interface NodeJson {
  readonly namespace: string;
  readonly id: string;
  readonly epoch: string;
  readonly url?: string;
  readonly status: string;
  readonly ttlMs: number;
  readonly addressableTypes: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
}

/** Writes a lease without its grant: whoever knows the grant can end the lease. */
export function leaseJson({ reference, node, epoch, fence, ttlMs }: AddressableLease): LeaseJson {
  const { type, key } = reference;
  const own = ttlMs === undefined ? {} : { ttlMs };
  return { namespace: node.namespace, type, key: keyJson(key), node: node.key, epoch, fence: String(fence), ...own };
}

export function nodeJson({ nodeId, epoch, url, status, ttlMs, addressableTypes, metadata }: NodeInfo): NodeJson {
  const reached = url === undefined ? {} : { url };
  return { namespace: nodeId.namespace, id: nodeId.key, epoch, ...reached, status, ttlMs, addressableTypes, metadata };
}

function keyJson(key: AddressableKey): KeyJson {
  return key.kind === "int64" ? { kind: "int64", value: String(key.value) } : key;
}

/** Reads `type`, `key` and `kind` (string by default) of a query. */
export function referenceOf(query: URLSearchParams): AddressableReference {
  const type = query.get("type");
  if (type === null) throw invalid("type: missing");
  return { type, key: keyOf(query.get("kind") ?? "string", query.get("key")) };
}

function keyOf(kind: string, key: string | null): AddressableKey {
  if (kind === "none") return noKey;
  if (key === null) throw invalid("key: missing; a reference without one has kind=none");
  if (kind === "string") return stringKey(key);
  if (kind !== "int32" && kind !== "int64") throw invalid("kind: expected string, int32, int64 or none");
  if (!/^-?\d{1,20}$/.test(key)) throw invalid("key: expected a whole number");
  return kind === "int32" ? int32Key(Number(key)) : int64Key(BigInt(key));
}

/** Writes where a page of leases ended, for the next one to start after. */
export function cursorOf({ reference }: AddressableLease): string {
  const { type, key } = reference;
  const query = new URLSearchParams({
    type,
    kind: key.kind,
    ...(key.kind === "none" ? {} : { key: String(key.value) }),
  });
  return Buffer.from(query.toString()).toString("base64url");
}

export function parseCursor(cursor: string): AddressableReference {
  try {
    return referenceOf(new URLSearchParams(Buffer.from(cursor, "base64url").toString()));
  } catch (cause) {
    throw new StoreError("INVALID_ARGUMENT", "after: expected the value of next in an earlier answer", { cause });
  }
}

function invalid(reason: string): StoreError {
  return new StoreError("INVALID_ARGUMENT", reason);
}
