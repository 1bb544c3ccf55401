import { StoreError } from "../contract/error.ts";
import { type AddressableKey, formatKey } from "./key.ts";

/** Names an addressable (a virtual actor) within a namespace. */
export interface AddressableReference {
  /** The addressable's type, such as an interface name. Any well-formed string. */
  readonly type: string;
  readonly key: AddressableKey;
}

/** Names an addressable across namespaces. */
export interface NamespacedAddressableReference {
  readonly namespace: string;
  readonly reference: AddressableReference;
}

/** Names a node across namespaces. */
export interface NodeId {
  readonly namespace: string;
  readonly key: string;
}

/** Writes a reference for people, such as `Robot("bob")`; not a form to parse. */
export function formatReference({ type, key }: AddressableReference): string {
  return `${type}(${key.kind === "none" ? "" : key.kind === "string" ? JSON.stringify(key.value) : String(key.value)})`;
}

/** The key parts of a reference in stored keys. Throws `INVALID_ARGUMENT` on what is no reference. */
export function referenceParts(reference: AddressableReference): readonly [type: string, key: string] {
  if (typeof reference?.type !== "string" || !reference.type.isWellFormed()) {
    throw new StoreError("INVALID_ARGUMENT", "reference: expected a type that is a well-formed string");
  }
  if (typeof reference.key !== "object" || reference.key === null) {
    throw new StoreError(
      "INVALID_ARGUMENT",
      "reference: expected a key made by stringKey, int32Key, int64Key or noKey",
    );
  }
  return [reference.type, formatKey(reference.key)];
}
