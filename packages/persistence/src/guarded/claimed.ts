import type { CallOptions } from "../contract/driver.ts";
import { StoreError } from "../contract/error.ts";
import type { HeldLease } from "../directory/lease.ts";
import { type Prior, priorOf, type RecordBody, type Records, type StoredRecord } from "../store/records.ts";
import type { GuardedBody, GuardedKey, GuardedRecords } from "./guarded-records.ts";

interface Claimed {
  readonly prior: Prior;
  readonly record: GuardedBody;
}

/**
 * Guards by claiming each record at its first use: the record is rewritten under its version with this grant's fence,
 * or created as an empty placeholder, and only then is the lease confirmed. An older grant's write, under the version
 * from before the claim, can't land afterwards.
 */
export class ClaimedData implements GuardedRecords {
  readonly #lease: HeldLease;
  readonly #records: Records;
  readonly #grant: Uint8Array;
  /** The versions that this grant confirmed or wrote. Others, even with its fence, may be late claims of its own. */
  readonly #known = new Map<string, Prior>();

  constructor(lease: HeldLease, records: Records) {
    this.#lease = lease;
    this.#records = records;
    this.#grant = Buffer.from(lease.grant, "hex");
  }

  async read(key: GuardedKey, options: CallOptions): Promise<Uint8Array | undefined> {
    const { record } = await this.#claim(key, options);
    return record.tombstone ? undefined : record.body;
  }

  async write(key: GuardedKey, body: GuardedBody, options: CallOptions): Promise<void> {
    for (;;) {
      const prior = this.#known.get(key.key) ?? (await this.#claim(key, options)).prior;
      // Until an answer says otherwise, the version under the write is no longer certain.
      this.#known.delete(key.key);
      const written = await this.#records.put(key.key, this.#record(key, body), prior, options);
      if (!written.ok) continue;
      if (!written.superseded) this.#known.set(key.key, written.prior);
      return;
    }
  }

  async #claim(key: GuardedKey, options: CallOptions): Promise<Claimed> {
    for (;;) {
      const current = await this.#records.get(key.key, options);
      this.#checkFence(current);
      const body: GuardedBody =
        current === undefined
          ? { body: new Uint8Array(0), tombstone: true }
          : { body: current.envelope.body, tombstone: current.envelope.tombstone };
      const prior =
        current !== undefined && this.#isMine(current)
          ? priorOf(current)
          : await this.#tryClaim(key, body, current, options);
      if (prior === undefined) continue;
      if (this.#known.get(key.key)?.version !== prior.version) await this.#lease.confirm(options);
      this.#known.set(key.key, prior);
      return { prior, record: body };
    }
  }

  /** Writes the claim; `undefined` when it has to be looked at again. */
  async #tryClaim(
    key: GuardedKey,
    body: GuardedBody,
    current: StoredRecord | undefined,
    options: CallOptions,
  ): Promise<Prior | undefined> {
    const { clock } = this.#records;
    try {
      const when = current === undefined ? "absent" : priorOf(current);
      const written = await this.#records.put(key.key, this.#record(key, body), when, options);
      return written.ok && !written.superseded ? written.prior : undefined;
    } catch (error) {
      // A claim that lands late carries this grant and is met, and confirmed, by the next look.
      const late = options.deadline !== undefined && clock.now() >= options.deadline;
      if (!StoreError.is(error) || error.outcome !== "unknown" || error.code === "ABORTED" || late) throw error;
      return undefined;
    }
  }

  #record({ original }: GuardedKey, body: GuardedBody): RecordBody {
    return { ...body, fence: this.#lease.fence, grant: this.#grant, key: original };
  }

  #isMine(current: StoredRecord): boolean {
    return current.envelope.grantText === this.#lease.grant;
  }

  /** A higher fence has superseded this grant; so has an equal one of another grant, where fences are best effort. */
  #checkFence(current: StoredRecord | undefined): void {
    const fence = current?.envelope.fence;
    if (current === undefined || fence === undefined || fence < this.#lease.fence || this.#isMine(current)) return;
    this.#lease.end();
    this.#lease.checkHeld("guarded access");
  }
}
