import { ExpiryJudge } from "../clockrules/expiry.ts";
import type { SweepOptions, SweepReport } from "../contract/membership.ts";
import type { Store } from "../contract/store.ts";
import { recordsOf } from "../store/internals.ts";
import { Keyspace } from "../store/keyspace.ts";
import { priorOf } from "../store/records.ts";
import { scanRecords } from "../store/scan-records.ts";

export interface GuardedSweepOptions extends SweepOptions {
  /** The directory's namespace; `default` by default. */
  readonly namespace?: string;
  /** How long a tombstone stays, in milliseconds, so that records in use are left alone; 60,000 by default. */
  readonly graceMs?: number;
}

const GRACE_MS = 60_000;

interface Progress {
  readonly judge: ExpiryJudge;
  after: string | undefined;
}

/** What sweeps remember of a store, by namespace. */
const progress = new WeakMap<Store, Map<string, Progress>>();

/**
 * Removes the tombstones of guarded data. A holder that still knows one meets a conflict and claims the record anew; a
 * late claim of an older grant is met by the confirmation of rule 4. Removes nothing where the store lets stale deletes
 * through.
 */
export async function sweepGuarded(store: Store, options: GuardedSweepOptions = {}): Promise<SweepReport> {
  const { namespace = "default", graceMs = GRACE_MS, budget = Number.POSITIVE_INFINITY } = options;
  const records = recordsOf(store);
  const keys = new Keyspace(store.namespace, "state", records.capabilities.limits.maxKeyBytes);
  const state = progressOf(store, namespace);
  let scanned = 0;
  let removed = 0;
  if (!records.capabilities.conditionalDelete) return { scanned, expired: 0, removed, complete: true };
  for await (const page of scanRecords(records, keys, [namespace], options, state.after)) {
    for (const { record } of page) {
      if (scanned >= budget) return { scanned, expired: 0, removed, complete: false };
      scanned += 1;
      state.after = record.key;
      if (!record.envelope.tombstone || state.judge.remainingMs(record, graceMs) > 0) continue;
      if ((await records.delete(record.key, priorOf(record), options)).ok) removed += 1;
      state.judge.forget(record.key);
    }
  }
  state.after = undefined;
  return { scanned, expired: 0, removed, complete: true };
}

function progressOf(store: Store, namespace: string): Progress {
  const records = recordsOf(store);
  const byNamespace = progress.get(store) ?? new Map<string, Progress>();
  progress.set(store, byNamespace);
  const known = byNamespace.get(namespace);
  if (known !== undefined) return known;
  const fresh: Progress = { judge: new ExpiryJudge(records.capabilities, records.clock), after: undefined };
  byNamespace.set(namespace, fresh);
  return fresh;
}
