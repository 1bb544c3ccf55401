import { DEFAULT_DRIFT_PPM, type Sent, sentNow } from "../clockrules/belief.ts";
import { ExpiryJudge } from "../clockrules/expiry.ts";
import { checkStrength } from "../clockrules/strength.ts";
import type { CallOptions } from "../contract/driver.ts";
import { StoreError } from "../contract/error.ts";
import type {
  AdmitOptions,
  ClusterMembership,
  JoinOptions,
  MembershipView,
  NodeChange,
  NodeDescription,
  NodeInfo,
  NodeLease,
  NodeSession,
  SweepOptions,
  SweepReport,
} from "../contract/membership.ts";
import type { Store } from "../contract/store.ts";
import { membershipChannel, type MembershipEvent } from "../events.ts";
import { decodeNode, encodeNode, type NodeRecord } from "../records/node-record.ts";
import { randomHex } from "../runtime/random.ts";
import { sleep } from "../runtime/wait.ts";
import { recordsOf } from "../store/internals.ts";
import { Keyspace } from "../store/keyspace.ts";
import {
  type Prior,
  priorOf,
  type Records,
  type RecordWhen,
  type StoredRecord,
  type Written,
} from "../store/records.ts";
import { scanRecords } from "../store/scan-records.ts";
import { settleAll } from "../store/settle.ts";
import { checkLease, checkNode } from "./checks.ts";
import { describeNode, isLife } from "./life.ts";
import { StoreNodeSession } from "./session.ts";
import { sweepNodes } from "./sweep.ts";
import { viewOf, watchViews } from "./view.ts";

export interface MembershipOptions {
  /** Keeps the nodes of several clusters in one store apart. Any string; `default` by default. */
  readonly namespace?: string;
  /** How far the rate of any clock may be off, in parts per million; 1,000 by default. */
  readonly maxClockDriftPpm?: number;
  /** Accepts a store on which a failover can undo a grant. */
  readonly allowWeak?: boolean;
}

const JOIN_POLL_MS = 1_000;
const BULK_CONCURRENCY = 64;
const MAX_KNOWN = 10_000;

/** What this process wrote last for a life: renewing from it takes one request. */
interface Known {
  readonly record: NodeRecord;
  readonly prior: Prior;
  readonly sent: Sent;
}

/** Derives the cluster membership from a store: one record a node, renewed by rewriting it. */
export function membership(store: Store, options: MembershipOptions = {}): ClusterMembership {
  checkStrength(store.capabilities, store.provider, "membership", options.allowWeak ?? false);
  return new StoreMembership(store, options);
}

/** The membership over the records of a store (docs/lease-protocol.md has the rules that it follows). */
export class StoreMembership implements ClusterMembership {
  readonly namespace: string;
  readonly records: Records;
  readonly keys: Keyspace;
  readonly judge: ExpiryJudge;
  readonly #driftPpm: number;
  readonly #provider: string;
  readonly #known = new Map<string, Known>();
  /** The sessions given out here. */
  readonly #sessions = new WeakSet<StoreNodeSession>();
  /** Until when a life that was read may be taken for alive by lookups, by epoch. */
  readonly #aliveUntil = new Map<string, number>();

  constructor(store: Store, options: MembershipOptions) {
    this.records = recordsOf(store);
    this.namespace = options.namespace ?? "default";
    this.keys = new Keyspace(store.namespace, "node", this.records.capabilities.limits.maxKeyBytes);
    this.judge = new ExpiryJudge(this.records.capabilities, this.records.clock);
    this.#driftPpm = options.maxClockDriftPpm ?? DEFAULT_DRIFT_PPM;
    this.#provider = store.provider;
  }

  async join(node: NodeDescription, options: JoinOptions = {}): Promise<NodeSession> {
    const own = new Set<string>();
    for (;;) {
      const { info, sent } = await this.#admit(node, options, own);
      const session = this.#session(info, sent, options.heartbeat ?? true);
      if (!session.isLive()) continue;
      this.#publish("joined", node.id);
      return session;
    }
  }

  async admit(node: NodeDescription, options: AdmitOptions = {}): Promise<NodeInfo> {
    const { info } = await this.#admit(node, options, new Set());
    this.#publish("joined", node.id);
    return info;
  }

  /** Writes the record of a fresh life. `own` gathers the epochs drawn for this join: they never stand in its way. */
  async #admit(
    node: NodeDescription,
    options: AdmitOptions,
    own: Set<string>,
  ): Promise<{ info: NodeInfo; sent: Sent }> {
    checkNode(node);
    const { clock, random } = this.records;
    for (;;) {
      const current = await this.#read(node.id, options);
      const waitMs = this.#standsMs(current, own, options.replace ?? false);
      if (waitMs > 0) {
        await this.#waitToJoin(node.id, Math.min(waitMs, JOIN_POLL_MS), options);
        continue;
      }
      // A fresh epoch an attempt: one whose outcome stays unknown may land later and must name nobody.
      const record = describeNode(node, randomHex(random, 16));
      own.add(record.epoch);
      const sent = sentNow(clock);
      const written = await this.#tryWrite(
        node.id,
        record,
        current === undefined ? "absent" : priorOf(current),
        options,
      );
      if (written === undefined || !written.ok || written.superseded) continue;
      this.#remember({ record, prior: written.prior, sent });
      return { info: this.info(node.id, record), sent };
    }
  }

  async get(id: string, options?: CallOptions): Promise<NodeInfo | undefined> {
    const record = await this.#read(id, options);
    return record === undefined ? undefined : this.seen(id, record);
  }

  async renew(lease: NodeLease, options?: CallOptions): Promise<NodeInfo> {
    return (await this.#rewrite(lease, {}, options)).info;
  }

  async update(lease: NodeLease, change: NodeChange, options?: CallOptions): Promise<NodeInfo> {
    return (await this.#rewrite(lease, change, options)).info;
  }

  async leave(lease: NodeLease, options?: CallOptions): Promise<boolean> {
    checkLease(lease);
    // A process that ends its own life stops believing in it first; a life ended from elsewhere learns of it later.
    if (lease instanceof StoreNodeSession && this.#sessions.has(lease)) lease.stopBelieving();
    this.#known.delete(lease.epoch);
    const bounded = this.records.bound(options);
    for (;;) {
      const current = await this.#read(lease.id, bounded);
      if (!isLife(current, lease.epoch)) return false;
      // A renewal that was still under way may come in between: then look again.
      if (!(await this.#end(lease, current, bounded))) continue;
      this.#publish("left", lease.id);
      return true;
    }
  }

  async confirmDead(lease: NodeLease, options?: CallOptions): Promise<boolean> {
    const bounded = this.records.bound(options);
    for (;;) {
      const current = await this.#read(lease.id, bounded);
      if (!isLife(current, lease.epoch)) return true;
      if (this.judge.remainingMs(current, decodeNode(current.envelope.body).ttlMs) > 0) return false;
      if (await this.#end(lease, current, bounded)) {
        this.#publish("expired", lease.id);
        return true;
      }
    }
  }

  async looksAlive(lease: NodeLease, options?: CallOptions): Promise<boolean> {
    const { clock } = this.records;
    const until = this.#aliveUntil.get(lease.epoch);
    if (until !== undefined && clock.now() < until) return true;
    this.#aliveUntil.delete(lease.epoch);
    const current = await this.#read(lease.id, options);
    if (!isLife(current, lease.epoch)) return false;
    const { ttlMs } = decodeNode(current.envelope.body);
    const remainingMs = this.judge.remainingMs(current, ttlMs);
    if (remainingMs <= 0) return false;
    if (this.#aliveUntil.size >= MAX_KNOWN) this.#aliveUntil.clear();
    this.#aliveUntil.set(lease.epoch, clock.now() + Math.min(remainingMs, ttlMs / 4));
    return true;
  }

  async nodes(options: CallOptions & { readonly active?: boolean } = {}): Promise<readonly NodeInfo[]> {
    const found: NodeInfo[] = [];
    for await (const page of scanRecords(this.records, this.keys, [this.namespace], options)) {
      for (const { record, parts } of page) {
        const info = this.seen(parts[1] ?? "", record);
        if (options.active !== true || info.status === "active") found.push(info);
      }
    }
    return found;
  }

  joinMany(nodes: readonly NodeDescription[], options?: JoinOptions): Promise<readonly (NodeSession | StoreError)[]> {
    return settleAll(nodes, BULK_CONCURRENCY, (node) => this.join(node, options));
  }

  updateMany(
    leases: readonly NodeLease[],
    change: NodeChange,
    options?: CallOptions,
  ): Promise<readonly (NodeInfo | StoreError)[]> {
    return settleAll(leases, BULK_CONCURRENCY, (lease) => this.update(lease, change, options));
  }

  getMany(ids: readonly string[], options?: CallOptions): Promise<readonly (NodeInfo | undefined | StoreError)[]> {
    return settleAll(ids, BULK_CONCURRENCY, (id) => this.get(id, options));
  }

  renewMany(leases: readonly NodeLease[], options?: CallOptions): Promise<readonly (NodeInfo | StoreError)[]> {
    return settleAll(leases, BULK_CONCURRENCY, (lease) => this.renew(lease, options));
  }

  leaveMany(leases: readonly NodeLease[], options?: CallOptions): Promise<readonly (boolean | StoreError)[]> {
    return settleAll(leases, BULK_CONCURRENCY, (lease) => this.leave(lease, options));
  }

  async view(options?: CallOptions): Promise<MembershipView> {
    const nodes = await this.nodes(options);
    return viewOf(nodes.filter((node) => node.status !== "stopped"));
  }

  watch(options: CallOptions = {}): AsyncIterable<MembershipView> {
    return watchViews(this, options);
  }

  sweep(options: SweepOptions = {}): Promise<SweepReport> {
    return sweepNodes(this, options);
  }

  /** What a record says of its node, `stopped` where its time has passed. Judges only: nothing is written. */
  seen(id: string, record: StoredRecord): NodeInfo {
    const info = this.info(id, decodeNode(record.envelope.body));
    const expired = info.status !== "stopped" && this.judge.remainingMs(record, info.ttlMs) <= 0;
    return expired ? { ...info, status: "stopped" } : info;
  }

  info(id: string, record: NodeRecord): NodeInfo {
    return { id, nodeId: { namespace: this.namespace, key: id }, ...record };
  }

  #read(id: string, options: CallOptions | undefined): Promise<StoredRecord | undefined> {
    return this.records.get(this.keys.encode(this.namespace, id).key, options);
  }

  /** How long a live record still stands in the way of joining; 0 when it does not. */
  #standsMs(current: StoredRecord | undefined, own: ReadonlySet<string>, replace: boolean): number {
    if (current === undefined || replace) return 0;
    const record = decodeNode(current.envelope.body);
    if (record.status === "stopped" || own.has(record.epoch)) return 0;
    return this.judge.remainingMs(current, record.ttlMs);
  }

  async #waitToJoin(id: string, ms: number, options: CallOptions): Promise<void> {
    const { clock } = this.records;
    if (options.deadline !== undefined && clock.now() + ms > options.deadline) {
      const reason = `node ${JSON.stringify(id)} is held by a live record; wait for it to expire, or pass replace`;
      throw new StoreError("TIMEOUT", reason, { provider: this.#provider, operation: "join" });
    }
    await sleep(clock, ms, options.signal);
  }

  async #write(id: string, record: NodeRecord, when: RecordWhen, options: CallOptions | undefined): Promise<Written> {
    const { key, original } = this.keys.encode(this.namespace, id);
    const { capabilities } = this.records;
    return this.records.put(key, { body: encodeNode(record), key: original }, when, {
      ...options,
      // The only records that expire natively: absence is death there.
      ...(capabilities.clock === "server-ttl" ? { ttlMs: record.ttlMs } : {}),
      neverDeleted: !capabilities.conditionalDelete && capabilities.clock !== "server-ttl",
    });
  }

  /** Writes; an outcome that stays unknown is `undefined`, since only "not joined by this" matters to the caller. */
  async #tryWrite(
    id: string,
    record: NodeRecord,
    when: RecordWhen,
    options: CallOptions,
  ): Promise<Written | undefined> {
    const { clock } = this.records;
    try {
      return await this.#write(id, record, when, options);
    } catch (error) {
      const late = options.deadline !== undefined && clock.now() >= options.deadline;
      if (!StoreError.is(error) || error.outcome !== "unknown" || error.code === "ABORTED" || late) throw error;
      return undefined;
    }
  }

  async #rewrite(
    lease: NodeLease,
    change: NodeChange,
    options: CallOptions | undefined,
  ): Promise<{ info: NodeInfo; sent: Sent }> {
    checkLease(lease);
    const { clock } = this.records;
    const bounded = this.records.bound(options);
    let known = this.#fresh(lease.epoch) ?? (await this.#find(lease, bounded));
    for (;;) {
      const record = { ...known.record, ...change };
      const sent = sentNow(clock);
      const written = await this.#write(lease.id, record, known.prior, bounded);
      if (written.ok && !written.superseded) {
        this.#remember({ record, prior: written.prior, sent });
        this.#publish("renewed", lease.id);
        return { info: this.info(lease.id, record), sent };
      }
      // The record moved on. If it still is this life, its version is adopted; if not, the life is over.
      known = await this.#find(lease, bounded);
    }
  }

  /** What is known of a life, unless it is so old that its time may have passed. */
  #fresh(epoch: string): Known | undefined {
    const known = this.#known.get(epoch);
    return known !== undefined && this.records.clock.now() - known.sent.at < known.record.ttlMs ? known : undefined;
  }

  async #find(lease: NodeLease, options: CallOptions): Promise<Known> {
    const sent = sentNow(this.records.clock);
    const current = await this.#read(lease.id, options);
    if (isLife(current, lease.epoch)) {
      const record = decodeNode(current.envelope.body);
      if (this.judge.remainingMs(current, record.ttlMs) > 0) return { record, prior: priorOf(current), sent };
      if (await this.#end(lease, current, options)) this.#publish("expired", lease.id);
    }
    this.#known.delete(lease.epoch);
    throw new StoreError("LEASE_LOST", `node ${JSON.stringify(lease.id)}: this life has ended, join again`, {
      provider: this.#provider,
      operation: "renew",
    });
  }

  /** Writes a life as ended, for ever. Returns whether this call ended it. */
  async #end(lease: NodeLease, seen: StoredRecord | undefined, options: CallOptions): Promise<boolean> {
    if (!isLife(seen, lease.epoch)) return false;
    const record: NodeRecord = { ...decodeNode(seen.envelope.body), status: "stopped" };
    const written = await this.#write(lease.id, record, priorOf(seen), options);
    this.judge.forget(seen.key);
    this.#aliveUntil.delete(lease.epoch);
    return written.ok;
  }

  #session(info: NodeInfo, sent: Sent, heartbeat: boolean): NodeSession {
    const { clock, random } = this.records;
    const session = new StoreNodeSession({
      provider: this.#provider,
      clock,
      random,
      driftPpm: this.#driftPpm,
      info,
      sent,
      heartbeat,
      rewrite: (change, options) => this.#rewrite(info, change, options),
      leave: (lease, options) => this.leave(lease, options),
    });
    this.#sessions.add(session);
    return session;
  }

  #remember(known: Known): void {
    this.#known.delete(known.record.epoch);
    this.#known.set(known.record.epoch, known);
    if (this.#known.size <= MAX_KNOWN) return;
    const [oldest] = this.#known.keys();
    if (oldest !== undefined) this.#known.delete(oldest);
  }

  #publish(type: MembershipEvent["type"], id: string): void {
    if (!membershipChannel.hasSubscribers) return;
    const node = { namespace: this.namespace, key: id };
    membershipChannel.publish({ type, provider: this.#provider, node } satisfies MembershipEvent);
  }
}
