import type { SweepOptions, SweepReport } from "../contract/membership.ts";
import { decodeNode } from "../records/node-record.ts";
import { priorOf } from "../store/records.ts";
import { scanRecords } from "../store/scan-records.ts";
import type { StoreMembership } from "./membership.ts";

/** Where a budgeted sweep stopped, by membership. */
const stoppedAt = new WeakMap<StoreMembership, string>();

/** Ends nodes whose time has passed; removes ended ones where a conditional delete can be trusted. */
export async function sweepNodes(membership: StoreMembership, options: SweepOptions): Promise<SweepReport> {
  const { records, keys, namespace } = membership;
  const budget = options.budget ?? Number.POSITIVE_INFINITY;
  let scanned = 0;
  let expired = 0;
  let removed = 0;
  for await (const page of scanRecords(records, keys, [namespace], options, stoppedAt.get(membership))) {
    for (const { record, parts } of page) {
      if (scanned >= budget) return { scanned, expired, removed, complete: false };
      scanned += 1;
      stoppedAt.set(membership, record.key);
      const { status, epoch } = decodeNode(record.envelope.body);
      if (status !== "stopped") {
        const life = { id: parts[1] ?? "", epoch };
        const looksDead = membership.seen(life.id, record).status === "stopped";
        if (looksDead && (await membership.confirmDead(life, options))) expired += 1;
      } else if (
        records.capabilities.conditionalDelete &&
        (await records.delete(record.key, priorOf(record), options)).ok
      ) {
        removed += 1;
      }
    }
  }
  stoppedAt.delete(membership);
  return { scanned, expired, removed, complete: true };
}
