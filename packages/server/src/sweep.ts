import { namespacesOf, type Store, sweepGuarded, type SweepReport } from "@orbit/persistence";

import type { Namespaces } from "./namespaces.ts";

/** One round over every namespace that has records in the stores, nodes first: their leases are freed in the same round. */
export async function sweepAll(
  namespaces: Namespaces,
  stores: readonly Store[],
  signal: AbortSignal,
): Promise<SweepReport> {
  const names = new Set<string>();
  for (const store of stores) for (const name of await namespacesOf(store, { signal })) names.add(name);
  let total: SweepReport = { scanned: 0, expired: 0, removed: 0, complete: true };
  for (const name of names) {
    const { membership, directory } = namespaces.reader(name);
    total = plus(total, await membership.sweep({ signal }));
    total = plus(total, await directory.sweep({ signal }));
    for (const store of new Set(stores)) total = plus(total, await sweepGuarded(store, { namespace: name, signal }));
  }
  return total;
}

function plus(a: SweepReport, b: SweepReport): SweepReport {
  return {
    scanned: a.scanned + b.scanned,
    expired: a.expired + b.expired,
    removed: a.removed + b.removed,
    complete: a.complete && b.complete,
  };
}
