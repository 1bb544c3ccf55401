import { type Sent, sentNow } from "../clockrules/belief.ts";
import type { CallOptions } from "../contract/driver.ts";
import { StoreError } from "../contract/error.ts";
import { commitRecords } from "../store/commit.ts";
import {
  type Prior,
  priorOf,
  type RecordBody,
  type Records,
  type StoredRecord,
  type Written,
} from "../store/records.ts";
import type { Floor, Floors } from "./floor.ts";

/** A grant about to be written: the lease record without its fence. */
export interface Grant {
  readonly key: string;
  readonly record: Omit<RecordBody, "fence">;
  /** Throws when the holder's belief has ended; asked right before the grant is sent. */
  readonly checkHolder: () => void;
}

export type GrantWritten =
  | { readonly ok: true; readonly fence: bigint; readonly prior: Prior; readonly sent: Sent }
  /** Not granted now. `seen`: the lease record as it was met; without it, it has to be read. */
  | { readonly ok: false; readonly seen?: { readonly current: StoredRecord | undefined } };

/** One way to write a grant whose fence is above the record's before it and above the floor (rule 1). */
export interface Grants {
  /** Whether a grant may be tried before the lease record was read, since a conflict shows it. */
  readonly showConflicts: boolean;
  /** Writes a grant over `current`, the lease record as it was met last. */
  write(grant: Grant, current: StoredRecord | undefined, options: CallOptions): Promise<GrantWritten>;
}

/** Chooses by what the store can do: one request where it has `commit`. */
export function grantsOf(records: Records, floors: Floors): Grants {
  return records.capabilities.commit === "none"
    ? new FlooredGrants(records, floors)
    : new CommittedGrants(records, floors);
}

/**
 * Writes grant and check of the floor in one commit. The floor's version is presumed, and holds at the commit point, so
 * that no copy of the request that lands later can slip under a floor raised meanwhile.
 */
class CommittedGrants implements Grants {
  readonly showConflicts = true;
  readonly #records: Records;
  readonly #floors: Floors;

  constructor(records: Records, floors: Floors) {
    this.#records = records;
    this.#floors = floors;
  }

  async write(grant: Grant, current: StoredRecord | undefined, options: CallOptions): Promise<GrantWritten> {
    const { key, record } = grant;
    const shard = this.#floors.shardOf(key);
    const floor = this.#floors.presumed(shard);
    const fence = await nextFence(this.#records, above(current, floor.fence), options);
    grant.checkHolder();
    const sent = sentNow(this.#records.clock);
    const answer = await unlessUnknown(this.#records, options, () =>
      commitRecords(
        this.#records,
        [{ key: floor.key, when: floor.when }],
        [{ type: "put", key, record: { ...record, fence }, when: current === undefined ? "absent" : priorOf(current) }],
        options,
      ),
    );
    if (answer === undefined) return { ok: false };
    if (answer.ok) {
      const [prior] = answer.priors;
      return prior === undefined || answer.superseded ? { ok: false } : { ok: true, fence, prior, sent };
    }
    return { ok: false, seen: { current: this.#learn(answer.conflicts, shard, floor, key, current) } };
  }

  /** Takes over what the conflicts show. A condition that is not among them held. */
  #learn(
    conflicts: readonly { readonly key: string; readonly current: StoredRecord | undefined }[],
    shard: number,
    floor: Floor,
    key: string,
    current: StoredRecord | undefined,
  ): StoredRecord | undefined {
    const ofFloor = conflicts.find((conflict) => conflict.key === floor.key);
    if (ofFloor !== undefined) this.#floors.learn(shard, ofFloor.current);
    const ofLease = conflicts.find((conflict) => conflict.key === key);
    return ofLease === undefined ? current : ofLease.current;
  }
}

/** Reads the floor before a grant is written, and again after one that was created. */
class FlooredGrants implements Grants {
  readonly showConflicts = false;
  readonly #records: Records;
  readonly #floors: Floors;

  constructor(records: Records, floors: Floors) {
    this.#records = records;
    this.#floors = floors;
  }

  async write(grant: Grant, current: StoredRecord | undefined, options: CallOptions): Promise<GrantWritten> {
    const { key, record } = grant;
    const shard = this.#floors.shardOf(key);
    let fence = await nextFence(this.#records, above(current, await this.#floors.read(shard, options)), options);
    grant.checkHolder();
    const sent = sentNow(this.#records.clock);
    const prior = current === undefined ? undefined : priorOf(current);
    let written = await tryPut(this.#records, key, { ...record, fence }, prior, options);
    if (written !== undefined && written.ok && !written.superseded && current === undefined) {
      // A create may have landed long after its floor was read: what was swept meanwhile raised the floor.
      const floor = await this.#floors.read(shard, options);
      if (floor >= fence) {
        fence = await nextFence(this.#records, floor, options);
        written = await tryPut(this.#records, key, { ...record, fence }, written.prior, options);
      }
    }
    if (written === undefined || !written.ok || written.superseded) return { ok: false };
    return { ok: true, fence, prior: written.prior, sent };
  }
}

/** Writes a lease record; an outcome that stays unknown is `undefined`, since only "not mine now" matters. */
export function tryPut(
  records: Records,
  key: string,
  record: RecordBody,
  prior: Prior | undefined,
  options: CallOptions,
): Promise<Written | undefined> {
  const neverDeleted = !records.capabilities.conditionalDelete;
  return unlessUnknown(records, options, () =>
    records.put(key, record, prior ?? "absent", { ...options, neverDeleted }),
  );
}

async function unlessUnknown<T>(
  records: Records,
  { deadline }: CallOptions,
  write: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await write();
  } catch (error) {
    const late = deadline !== undefined && records.clock.now() >= deadline;
    if (!StoreError.is(error) || error.outcome !== "unknown" || error.code === "ABORTED" || late) throw error;
    return undefined;
  }
}

/** A fence above `least`; from the driver where it issues numbers that survive what the records may not. */
async function nextFence(records: Records, least: bigint, options: CallOptions): Promise<bigint> {
  const { driver, capabilities, clock } = records;
  if (driver.nextFence !== undefined) {
    return records.run("nextFence", undefined, options, "none", (call) => driver.nextFence!(least, call));
  }
  if (capabilities.fencing === "total") return least + 1n;
  // Best effort where a failover may bring old records back: time moves on over it.
  return max(least, driver.clockMicros?.() ?? BigInt(Math.floor(clock.wall())) * 1000n) + 1n;
}

function above(current: StoredRecord | undefined, floor: bigint): bigint {
  return max(current?.envelope.fence ?? 0n, floor);
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
