import { checkStrength } from "../clockrules/strength.ts";
import type { Lease } from "../contract/directory.ts";
import { StoreError } from "../contract/error.ts";
import type { GuardedData } from "../contract/guarded.ts";
import type { Store } from "../contract/store.ts";
import { HeldLease } from "../directory/lease.ts";
import { partitionOf } from "../keys/partition.ts";
import { referenceParts } from "../orbit/reference.ts";
import { checkKey, checkValue } from "../store/checks.ts";
import { recordsOf } from "../store/internals.ts";
import { Keyspace } from "../store/keyspace.ts";
import { ClaimedData } from "./claimed.ts";
import { CommittedData } from "./committed.ts";
import type { GuardedKey, GuardedRecords } from "./guarded-records.ts";

export interface GuardedOptions {
  /** Accepts a store on which a failover can undo a grant. */
  readonly allowWeak?: boolean;
}

/**
 * Opens the data of a leased addressable. Where lease and data lie in one store with `commit`, a superseded grant
 * writes nothing at all; elsewhere records are claimed at their first use by a grant (docs/lease-protocol.md, rules 3
 * and 4). The records are out of reach of the plain Store API, which would write them unguarded.
 */
export function guarded(store: Store, lease: Lease, options: GuardedOptions = {}): GuardedData {
  checkStrength(store.capabilities, store.provider, "guarded data", options.allowWeak ?? false);
  if (!(lease instanceof HeldLease)) {
    throw new StoreError("INVALID_ARGUMENT", "lease: expected one acquired from a directory of this process");
  }
  const records = recordsOf(store);
  const { commit, partitions, limits } = records.capabilities;
  const claimed = new ClaimedData(lease, records);
  const committed = records === lease.requests.records && commit !== "none" ? new CommittedData(lease) : undefined;
  const leasePartition = partitionOf(lease.key, partitions);
  /** A name cut to its hash may lie in another partition than its lease; it does so for every grant. */
  const dataOf = ({ key }: GuardedKey): GuardedRecords =>
    committed !== undefined && (partitions === 1 || partitionOf(key, partitions) === leasePartition)
      ? committed
      : claimed;
  const keys = new Keyspace(store.namespace, "state", limits.maxKeyBytes);
  const parts = [lease.node.namespace, ...referenceParts(lease.reference)];
  const encode = (key: string): GuardedKey => {
    checkKey(key);
    lease.checkHeld("guarded write");
    return keys.encode(...parts, key);
  };
  return {
    async get(key, call) {
      const at = encode(key);
      return dataOf(at).read(at, records.bound(call));
    },
    async put(key, value, call) {
      checkValue(value);
      const at = encode(key);
      await dataOf(at).write(at, { body: value, tombstone: false }, records.bound(call));
    },
    async delete(key, call) {
      const at = encode(key);
      await dataOf(at).write(at, { body: new Uint8Array(0), tombstone: true }, records.bound(call));
    },
  };
}
