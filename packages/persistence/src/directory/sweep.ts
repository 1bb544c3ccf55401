import type { SweepOptions, SweepReport } from "../contract/membership.ts";
import { heldBy } from "../records/lease-record.ts";
import { priorOf } from "../store/records.ts";
import { type KeyedRecord, scanRecords } from "../store/scan-records.ts";
import type { StoreDirectory } from "./directory.ts";

/** Where a budgeted sweep stopped, by directory. */
const stoppedAt = new WeakMap<StoreDirectory, string>();

/**
 * Frees the leases of dead nodes and removes tombstones. The floors are raised to the tombstones' fences first, so
 * that a key created anew continues above its past.
 */
export async function sweepLeases(directory: StoreDirectory, options: SweepOptions): Promise<SweepReport> {
  const { records, keys, namespace } = directory;
  const budget = options.budget ?? Number.POSITIVE_INFINITY;
  /** Ended lives stay ended; live ones may be asked again by the next sweep. */
  const dead = new Map<string, boolean>();
  let scanned = 0;
  let expired = 0;
  let removed = 0;
  for await (const page of scanRecords(records, keys, [namespace], options, stoppedAt.get(directory))) {
    const seen = page.slice(0, budget - scanned);
    scanned += seen.length;
    for (const { record } of seen) if (await freeIfDead(directory, record, dead, options)) expired += 1;
    removed += await removeTombstones(directory, seen, options);
    const last = seen.at(-1);
    if (last !== undefined) stoppedAt.set(directory, last.record.key);
    if (seen.length < page.length) return { scanned, expired, removed, complete: false };
  }
  stoppedAt.delete(directory);
  return { scanned, expired, removed, complete: true };
}

async function freeIfDead(
  directory: StoreDirectory,
  record: KeyedRecord["record"],
  dead: Map<string, boolean>,
  options: SweepOptions,
): Promise<boolean> {
  const held = heldBy(record);
  if (held === undefined) return false;
  const ownExpired = held.ttlMs !== undefined && directory.judge.remainingMs(record, held.ttlMs) <= 0;
  if (!ownExpired) {
    const known = dead.get(held.epoch);
    const isDead = known ?? (await directory.membership.confirmDead({ id: held.node, epoch: held.epoch }, options));
    dead.set(held.epoch, isDead);
    if (!isDead) return false;
  }
  const { fence, key } = record.envelope;
  const tombstone = { body: new Uint8Array(0), tombstone: true, fence, key };
  return (await directory.records.put(record.key, tombstone, priorOf(record), options)).ok;
}

async function removeTombstones(
  directory: StoreDirectory,
  page: readonly KeyedRecord[],
  options: SweepOptions,
): Promise<number> {
  const { records, floors } = directory;
  if (!records.capabilities.conditionalDelete) return 0;
  const tombstones = page.filter(({ record }) => record.envelope.tombstone);
  const highest = new Map<number, bigint>();
  for (const { record } of tombstones) {
    const shard = floors.shardOf(record.key);
    const fence = record.envelope.fence ?? 0n;
    if (fence > (highest.get(shard) ?? -1n)) highest.set(shard, fence);
  }
  for (const [shard, fence] of highest) await floors.raise(shard, fence, options);
  let removed = 0;
  for (const { record } of tombstones) {
    if ((await records.delete(record.key, priorOf(record), options)).ok) removed += 1;
  }
  return removed;
}
