import type { CallOptions } from "../contract/driver.ts";
import type { HeldLease } from "../directory/lease.ts";
import { heldBy } from "../records/lease-record.ts";
import { commitRecords, type RecordCommitConflict } from "../store/commit.ts";
import { type Prior, priorOf } from "../store/records.ts";
import type { GuardedBody, GuardedKey, GuardedRecords } from "./guarded-records.ts";

/** Guards by a check of the lease record in the same commit as the write. */
export class CommittedData implements GuardedRecords {
  readonly #lease: HeldLease;
  /** The versions that this grant wrote or read last; a stale one only costs a repeat. */
  readonly #known = new Map<string, Prior>();

  constructor(lease: HeldLease) {
    this.#lease = lease;
  }

  async read({ key }: GuardedKey, options: CallOptions): Promise<Uint8Array | undefined> {
    const record = await this.#lease.requests.records.get(key, options);
    if (record === undefined) this.#known.delete(key);
    else this.#known.set(key, priorOf(record));
    // A newer grant's write tells that this one is superseded; until then the value is the latest there is.
    if ((record?.envelope.fence ?? 0n) > this.#lease.fence) this.#lease.end();
    this.#lease.checkHeld("guarded read");
    return record === undefined || record.envelope.tombstone ? undefined : record.envelope.body;
  }

  async write({ key, original }: GuardedKey, body: GuardedBody, options: CallOptions): Promise<void> {
    const lease = this.#lease;
    const { records } = lease.requests;
    const record = { ...body, fence: lease.fence, grant: Buffer.from(lease.grant, "hex"), key: original };
    for (;;) {
      const when = this.#known.get(key) ?? "absent";
      const checks = [{ key: lease.key, when: lease.prior }];
      const answer = await commitRecords(records, checks, [{ type: "put", key, record, when }], options);
      if (answer.ok) {
        const [prior] = answer.priors;
        if (prior !== undefined) this.#known.set(key, prior);
        return;
      }
      this.#learn(key, answer.conflicts);
      lease.checkHeld("guarded write");
    }
  }

  /** Takes over what the conflicts show: a lease that lost its grant ends, a version that moved is adopted. */
  #learn(key: string, conflicts: readonly RecordCommitConflict[]): void {
    const lease = this.#lease;
    for (const { key: at, current } of conflicts) {
      if (at === key) {
        if (current === undefined) this.#known.delete(key);
        else this.#known.set(key, priorOf(current));
      } else if (current === undefined || heldBy(current) === undefined || current.envelope.grantText !== lease.grant) {
        lease.end();
      } else {
        lease.adopt(priorOf(current));
      }
    }
  }
}
