import { DEFAULT_DRIFT_PPM, type Sent, sentNow } from "../clockrules/belief.ts";
import { ExpiryJudge } from "../clockrules/expiry.ts";
import { checkStrength } from "../clockrules/strength.ts";
import type {
  AcquireOptions,
  Acquired,
  AddressableDirectory,
  AddressableLease,
  LeaseGrant,
  ListOptions,
} from "../contract/directory.ts";
import type { CallOptions } from "../contract/driver.ts";
import type { StoreError } from "../contract/error.ts";
import type { ClusterMembership, Holder, SweepOptions, SweepReport } from "../contract/membership.ts";
import type { Store } from "../contract/store.ts";
import { leaseChannel, type LeaseEvent } from "../events.ts";
import { checkHexId, checkLease, checkTtl } from "../membership/checks.ts";
import { parseKey } from "../orbit/key.ts";
import { type AddressableReference, referenceParts } from "../orbit/reference.ts";
import { encodeLease, heldBy, type LeaseRecord } from "../records/lease-record.ts";
import { recordsOf } from "../store/internals.ts";
import { Keyspace } from "../store/keyspace.ts";
import { type Prior, priorOf, type Records, type StoredRecord } from "../store/records.ts";
import { scanRecords } from "../store/scan-records.ts";
import { settleAll } from "../store/settle.ts";
import { Floors } from "./floor.ts";
import { type Grants, grantsOf, tryPut } from "./grants.ts";
import { HeldLease, type LeaseRequests, lostError } from "./lease.ts";
import { sweepLeases } from "./sweep.ts";

export interface DirectoryOptions {
  /** Tells which nodes live. It may stand on another store. */
  readonly membership: ClusterMembership;
  /** How far the rate of any clock may be off, in parts per million; 1,000 by default. */
  readonly maxClockDriftPpm?: number;
  /** Accepts a store on which a failover can undo a grant. */
  readonly allowWeak?: boolean;
}

const BULK_CONCURRENCY = 64;

/** Derives the directory of addressables from a store. Its namespace is that of the membership. */
export function directory(store: Store, options: DirectoryOptions): AddressableDirectory {
  checkStrength(store.capabilities, store.provider, "directory", options.allowWeak ?? false);
  return new StoreDirectory(store, options);
}

/** The directory over the records of a store (docs/lease-protocol.md has the rules that it follows). */
export class StoreDirectory implements AddressableDirectory {
  readonly namespace: string;
  readonly records: Records;
  readonly keys: Keyspace;
  readonly floors: Floors;
  readonly judge: ExpiryJudge;
  readonly membership: ClusterMembership;
  readonly #grants: Grants;
  readonly #provider: string;
  readonly #requests: LeaseRequests;

  constructor(store: Store, options: DirectoryOptions) {
    const records = recordsOf(store);
    const { maxKeyBytes } = records.capabilities.limits;
    this.records = records;
    this.membership = options.membership;
    this.namespace = options.membership.namespace;
    this.keys = new Keyspace(store.namespace, "lease", maxKeyBytes);
    this.floors = new Floors(records, new Keyspace(store.namespace, "floor", maxKeyBytes), this.namespace);
    this.#grants = grantsOf(records, this.floors);
    this.judge = new ExpiryJudge(records.capabilities, records.clock);
    this.#provider = store.provider;
    this.#requests = {
      provider: store.provider,
      clock: records.clock,
      driftPpm: options.maxClockDriftPpm ?? DEFAULT_DRIFT_PPM,
      records,
      renew: (lease, call) => this.#extend(lease, lease.prior, call),
      confirm: async (lease, call) => priorOf((await this.#find(lease, call)).record),
      release: (lease, call) => this.#free(lease, lease.prior, call),
      lost: (lease) => this.publish("lost", lease),
    };
  }

  async acquire(reference: AddressableReference, holder: Holder, options: AcquireOptions = {}): Promise<Acquired> {
    const parts = referenceParts(reference);
    checkLease(holder);
    checkTtl(options.ttlMs);
    const { key, original } = this.keys.encode(this.namespace, ...parts);
    // Not the ttl: lease records never expire natively.
    const bounded = this.records.bound<CallOptions>({ signal: options.signal, deadline: options.deadline });
    const wanted: LeaseRecord = { node: holder.id, epoch: holder.epoch, ttlMs: options.ttlMs };
    const body = encodeLease(wanted);
    const checkHolder = (): void => this.#checkHolder(holder, reference);
    // The last look at the record: most that are acquired were free before.
    let seen: { readonly current: StoredRecord | undefined } | undefined = this.#grants.showConflicts
      ? { current: undefined }
      : undefined;
    for (;;) {
      checkHolder();
      const current = seen === undefined ? await this.records.get(key, bounded) : seen.current;
      const held = current === undefined ? undefined : heldBy(current);
      if (current !== undefined && held !== undefined && !(await this.#canTake(current, held, holder, bounded))) {
        return this.#refused(reference, current, held);
      }
      const grant = Buffer.alloc(16);
      this.records.random.fill(grant);
      const written = await this.#grants.write(
        { key, record: { body, grant, key: original }, checkHolder },
        current,
        bounded,
      );
      if (!written.ok) {
        seen = written.seen;
        continue;
      }
      checkHolder();
      const lease = this.#toLease(reference, wanted, written.fence, grant.toString("hex"));
      this.publish(held !== undefined && held.epoch !== holder.epoch ? "takeover" : "acquired", lease);
      return { ok: true, lease: new HeldLease(lease, holder, key, written.prior, written.sent, this.#requests) };
    }
  }

  async lookup(reference: AddressableReference, options?: CallOptions): Promise<AddressableLease | undefined> {
    const [type, name] = referenceParts(reference);
    const { key } = this.keys.encode(this.namespace, type, name);
    const entry = await this.records.getEntry(key, options);
    const record = entry && this.records.read(entry, "get");
    const held = record && heldBy(record);
    if (record === undefined || held === undefined || this.#isOver(record, held)) return undefined;
    if (!(await this.membership.looksAlive({ id: held.node, epoch: held.epoch }, options))) return undefined;
    return this.#leaseOf(reference, record, held);
  }

  async renew(grant: LeaseGrant, options?: CallOptions): Promise<AddressableLease> {
    const { record, held } = await this.#find(grant, options);
    const lease = this.#leaseOf(grant.reference, record, held);
    const node = await this.membership.get(lease.node.key, options);
    if (node?.epoch !== lease.epoch || node.status === "stopped") throw this.#lost("renew", grant);
    if (held.ttlMs === undefined) return lease;
    if (this.#isOver(record, held)) throw this.#lost("renew", grant);
    await this.#extend(lease, priorOf(record), options);
    return lease;
  }

  async release(grant: LeaseGrant, options?: CallOptions): Promise<boolean> {
    checkHexId("grant", grant.grant);
    // As with the lease's own release; a grant freed from elsewhere is learnt of later.
    if (grant instanceof HeldLease && grant.requests === this.#requests) grant.stopBelieving();
    return this.#free(grant, undefined, options);
  }

  leases(options?: ListOptions): AsyncIterable<readonly AddressableLease[]> {
    return this.#list(() => true, options);
  }

  leasesOf(nodeId: string, options?: ListOptions): AsyncIterable<readonly AddressableLease[]> {
    return this.#list((held) => held.node === nodeId, options);
  }

  acquireMany(
    references: readonly AddressableReference[],
    holder: Holder,
    options?: AcquireOptions,
  ): Promise<readonly (Acquired | StoreError)[]> {
    return settleAll(references, BULK_CONCURRENCY, (reference) => this.acquire(reference, holder, options));
  }

  lookupMany(
    references: readonly AddressableReference[],
    options?: CallOptions,
  ): Promise<readonly (AddressableLease | undefined | StoreError)[]> {
    return settleAll(references, BULK_CONCURRENCY, (reference) => this.lookup(reference, options));
  }

  renewMany(grants: readonly LeaseGrant[], options?: CallOptions): Promise<readonly (AddressableLease | StoreError)[]> {
    return settleAll(grants, BULK_CONCURRENCY, (grant) => this.renew(grant, options));
  }

  releaseMany(grants: readonly LeaseGrant[], options?: CallOptions): Promise<readonly (boolean | StoreError)[]> {
    return settleAll(grants, BULK_CONCURRENCY, (grant) => this.release(grant, options));
  }

  sweep(options: SweepOptions = {}): Promise<SweepReport> {
    return sweepLeases(this, options);
  }

  publish(type: LeaseEvent["type"], lease: AddressableLease): void {
    if (!leaseChannel.hasSubscribers) return;
    const { reference, node, fence } = lease;
    const { namespace } = this;
    leaseChannel.publish({ type, provider: this.#provider, namespace, reference, node, fence } satisfies LeaseEvent);
  }

  /** Whether a held record may be overwritten: it is the holder's own, its own time has passed, or its node is dead. */
  async #canTake(current: StoredRecord, held: LeaseRecord, holder: Holder, options: CallOptions): Promise<boolean> {
    if (held.node === holder.id && held.epoch === holder.epoch) return true;
    if (this.#isOver(current, held)) return true;
    return this.membership.confirmDead({ id: held.node, epoch: held.epoch }, options);
  }

  #refused(reference: AddressableReference, current: StoredRecord, held: LeaseRecord): Acquired {
    const lease = this.#leaseOf(reference, current, held);
    this.publish("conflict", lease);
    return { ok: false, current: lease };
  }

  /** The record of a grant that is still held, by a read made now. */
  async #find(
    grant: LeaseGrant,
    options: CallOptions | undefined,
  ): Promise<{ record: StoredRecord; held: LeaseRecord }> {
    checkHexId("grant", grant.grant);
    const { key } = this.keys.encode(this.namespace, ...referenceParts(grant.reference));
    const record = await this.records.get(key, options);
    const held = record === undefined ? undefined : heldBy(record);
    if (record === undefined || held === undefined || record.envelope.grantText !== grant.grant)
      throw this.#lost("renew", grant);
    return { record, held };
  }

  /** Extends a lease's own ttl by rewriting it; a lease that lives with its node is confirmed by a read. */
  async #extend(
    lease: AddressableLease,
    known: Prior,
    options: CallOptions | undefined,
  ): Promise<{ prior: Prior; sent: Sent }> {
    const bounded = this.records.bound(options);
    if (lease.ttlMs === undefined) {
      const sent = sentNow(this.records.clock);
      return { prior: priorOf((await this.#find(lease, bounded)).record), sent };
    }
    const { key, original } = this.keys.encode(this.namespace, ...referenceParts(lease.reference));
    const body = encodeLease({ node: lease.node.key, epoch: lease.epoch, ttlMs: lease.ttlMs });
    const record = { body, grant: Buffer.from(lease.grant, "hex"), fence: lease.fence, key: original };
    for (let prior = known; ;) {
      const sent = sentNow(this.records.clock);
      const written = await this.records.put(key, record, prior, bounded);
      if (written.ok && !written.superseded) {
        this.publish("renewed", lease);
        return { prior: written.prior, sent };
      }
      // The record moved on. If it still carries the grant and its time has not passed, its version is adopted.
      const found = await this.#find(lease, bounded);
      if (this.judge.remainingMs(found.record, lease.ttlMs) <= 0) throw this.#lost("renew", lease);
      prior = priorOf(found.record);
    }
  }

  /** Writes the tombstone of a grant. Returns whether the grant was still there. */
  async #free(grant: LeaseGrant, known: Prior | undefined, options: CallOptions | undefined): Promise<boolean> {
    const { key, original } = this.keys.encode(this.namespace, ...referenceParts(grant.reference));
    const bounded = this.records.bound(options);
    let state: { readonly prior: Prior; readonly lease: AddressableLease } | undefined =
      known === undefined || !(grant instanceof HeldLease) ? undefined : { prior: known, lease: grant };
    for (;;) {
      if (state === undefined) {
        const record = await this.records.get(key, bounded);
        const held = record === undefined ? undefined : heldBy(record);
        if (record === undefined || held === undefined || record.envelope.grantText !== grant.grant) return false;
        state = { prior: priorOf(record), lease: this.#leaseOf(grant.reference, record, held) };
      }
      const tombstone = { body: EMPTY, tombstone: true, fence: state.lease.fence, key: original };
      const written = await tryPut(this.records, key, tombstone, state.prior, bounded);
      if (written?.ok === true) {
        this.publish("released", state.lease);
        return true;
      }
      state = undefined;
    }
  }

  async *#list(
    wanted: (held: LeaseRecord) => boolean,
    options: ListOptions = {},
  ): AsyncGenerator<readonly AddressableLease[], void, undefined> {
    const { after } = options;
    const start = after === undefined ? undefined : this.keys.encode(this.namespace, ...referenceParts(after)).key;
    for await (const page of scanRecords(this.records, this.keys, [this.namespace], options, start)) {
      const found: AddressableLease[] = [];
      for (const { record, parts } of page) {
        const held = heldBy(record);
        if (held === undefined || !wanted(held) || this.#isOver(record, held)) continue;
        if (!(await this.membership.looksAlive({ id: held.node, epoch: held.epoch }, options))) continue;
        const reference = { type: parts[1] ?? "", key: parseKey(parts[2] ?? "") };
        found.push(this.#leaseOf(reference, record, held));
      }
      if (found.length > 0) yield found;
    }
  }

  /** Whether a held record's own time has passed. */
  #isOver(record: StoredRecord, { ttlMs }: LeaseRecord): boolean {
    return ttlMs !== undefined && this.judge.remainingMs(record, ttlMs) <= 0;
  }

  #leaseOf(reference: AddressableReference, record: StoredRecord, held: LeaseRecord): AddressableLease {
    const { fence = 0n, grantText } = record.envelope;
    return this.#toLease(reference, held, fence, grantText);
  }

  #toLease(reference: AddressableReference, held: LeaseRecord, fence: bigint, grant: string): AddressableLease {
    const node = { namespace: this.namespace, key: held.node };
    return { reference, node, epoch: held.epoch, fence, grant, ttlMs: held.ttlMs };
  }

  #checkHolder(holder: Holder, reference: AddressableReference): void {
    if (!holder.isLive()) throw this.#lost("acquire", { reference });
  }

  #lost(operation: string, grant: { readonly reference: AddressableReference }): StoreError {
    return lostError(this.#provider, operation, grant.reference);
  }
}

const EMPTY = new Uint8Array(0);
