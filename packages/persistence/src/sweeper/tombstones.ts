import type { CallOptions } from "../contract/driver.ts";
import type { Store } from "../contract/store.ts";
import { recordsOf } from "../store/internals.ts";
import { Keyspace } from "../store/keyspace.ts";

export interface TombstoneCount {
  readonly records: number;
  readonly tombstones: number;
  /** Everything was looked at; otherwise the budget ended first. */
  readonly complete: boolean;
}

/** Counts the records of nodes, leases and data in a store, and the tombstones among them, up to a budget of records. */
export async function countTombstones(
  store: Store,
  options: CallOptions & { readonly budget?: number } = {},
): Promise<TombstoneCount> {
  const { budget = Number.POSITIVE_INFINITY, ...call } = options;
  const records = recordsOf(store);
  let [seen, tombstones] = [0, 0];
  for (const kind of ["node", "lease", "data"]) {
    const keys = new Keyspace(store.namespace, kind, records.capabilities.limits.maxKeyBytes);
    for await (const page of records.scan(keys.range([""]), call)) {
      for (const entry of page) {
        seen += 1;
        if (records.read(entry, "scan").envelope.tombstone) tombstones += 1;
        if (seen >= budget) return { records: seen, tombstones, complete: false };
      }
    }
  }
  return { records: seen, tombstones, complete: true };
}
