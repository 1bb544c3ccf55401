import { StoreError } from "../contract/error.ts";
import type { Store } from "../contract/store.ts";
import type { Records } from "./records.ts";

const attached = new WeakMap<Store, Records>();

export function attachRecords(store: Store, records: Records): void {
  attached.set(store, records);
}

/** The records under a store, for the kinds that the Store API does not reach: leases, nodes, guarded data. */
export function recordsOf(store: Store): Records {
  const records = attached.get(store);
  if (records === undefined) {
    throw new StoreError(
      "INVALID_ARGUMENT",
      "store: expected one made by createStore of this copy of @orbit/persistence",
    );
  }
  return records;
}
