import type { Capabilities } from "../contract/capabilities.ts";
import type { CallOptions, PutOptions, Session } from "../contract/driver.ts";
import type {
  Change,
  Check,
  Commit,
  Delete,
  DeleteWhen,
  Entry,
  Put,
  Range,
  Resync,
  Watch,
  When,
  WriteOp,
} from "../contract/entry.ts";
import { StoreError } from "../contract/error.ts";
import type { Health } from "../contract/health.ts";
import type { Store, Transaction } from "../contract/store.ts";
import { partitionOf, tagOf } from "../keys/partition.ts";
import type { MetricsLayer, PersistenceMetrics } from "../layers/metrics.ts";
import { writeRecords } from "./bulk.ts";
import {
  checkCheck,
  checkDeleteWhen,
  checkDuration,
  checkKey,
  checkLimit,
  checkList,
  checkObject,
  checkOp,
  checkSize,
  checkText,
  checkTtl,
  checkValue,
  checkWhen,
} from "./checks.ts";
import { type Committed, commitRecords, type RecordOp } from "./commit.ts";
import type { Keyspace } from "./keyspace.ts";
import type { Prior, Records, RecordWhen, StoredRecord } from "./records.ts";
import { about, toBulkResult, toChange, toConflict, toDelete, toEntry, toScanned } from "./results.ts";
import { mapAll, settleAll } from "./settle.ts";
import { beginTransaction, runTransaction } from "./transaction.ts";
import { toPrior, toVersion } from "./versions.ts";

export interface StoreInit {
  readonly records: Records;
  readonly keyspace: Keyspace;
  readonly capabilities: Capabilities;
  readonly metrics: MetricsLayer;
  readonly lastHealth: () => Health | undefined;
  readonly close: () => Promise<void>;
}

/** The Store over enveloped records of one kind. Made by `createStore`. */
export class RecordStore implements Store {
  readonly provider: string;
  readonly namespace: string;
  readonly capabilities: Capabilities;
  readonly #init: StoreInit;
  readonly #records: Records;
  readonly #keys: Keyspace;
  /** Deletes write tombstones, because the server lets stale deletes through. */
  readonly #tombstones: boolean;

  constructor(init: StoreInit) {
    this.#init = init;
    this.#records = init.records;
    this.#keys = init.keyspace;
    this.provider = init.records.driver.name;
    this.namespace = init.keyspace.namespace;
    this.capabilities = init.capabilities;
    this.#tombstones = !init.capabilities.conditionalDelete;
  }

  async get(key: string, options?: CallOptions): Promise<Entry | undefined> {
    checkKey(key);
    const driverKey = this.#keys.encodeName(key).key;
    try {
      const entry = await this.#records.getEntry(driverKey, options);
      return entry === undefined ? undefined : toEntry(key, this.#records.read(entry, "get"));
    } catch (error) {
      throw about(key, error);
    }
  }

  async getMany(keys: readonly string[], options?: CallOptions): Promise<readonly (Entry | undefined)[]> {
    checkList("keys", keys);
    const encoded = keys.map((key) => {
      checkKey(key);
      return this.#keys.encodeName(key).key;
    });
    if (keys.length === 0) return [];
    const records = await this.#records.getMany(encoded, options);
    return records.map((record, index) => toEntry(keys[index] ?? "", record));
  }

  async put(key: string, value: Uint8Array, when: When, options?: PutOptions): Promise<Put> {
    checkKey(key);
    checkValue(value);
    checkSize(value, this.capabilities.limits.maxValueBytes);
    checkWhen(when);
    this.#checkPutOptions(options);
    const encoded = this.#keys.encodeName(key);
    const record = { body: value, key: encoded.original };
    const bounded = this.#records.bound(options);
    let condition = toRecordWhen(when);
    const neverDeleted = this.#tombstones && this.capabilities.clock !== "server-ttl";
    for (;;) {
      const written = await this.#records
        .put(encoded.key, record, condition, { ...bounded, neverDeleted })
        .catch((error: unknown) => {
          throw about(key, error);
        });
      if (written.ok) return { ok: true, version: toVersion(written.prior) };
      // A tombstone counts as absent: it is replaced in place.
      const buried = when === "absent" ? buriedPrior(written.current) : undefined;
      if (buried === undefined) return toConflict(key, written);
      condition = buried;
    }
  }

  async delete(key: string, when: DeleteWhen, options?: CallOptions): Promise<Delete> {
    checkKey(key);
    checkDeleteWhen(when);
    try {
      return await this.#delete(key, when, options);
    } catch (error) {
      throw about(key, error);
    }
  }

  async *scan(range: Range, options?: CallOptions): AsyncGenerator<readonly Entry[], void, undefined> {
    checkObject("range", range);
    checkText("prefix", range.prefix);
    if (range.after !== undefined) checkKey(range.after);
    checkLimit(range.limit);
    const driverRange = this.#keys.range([range.prefix], range.after === undefined ? undefined : [range.after]);
    // Tombstones and keys beside a cut prefix are dropped below, so that only then the driver can't count for us.
    const exact = !this.#tombstones && !this.#keys.isCut([range.prefix]);
    let left = range.limit ?? Number.POSITIVE_INFINITY;
    const pages = this.#records.scan(
      {
        ...driverRange,
        ...(exact && range.limit !== undefined ? { limit: range.limit } : {}),
        ...(range.keysOnly === true && !this.#tombstones ? { keysOnly: true } : {}),
      },
      options,
    );
    const from = { records: this.#records, keys: this.#keys, tombstones: this.#tombstones };
    for await (const page of pages) {
      const entries = await mapAll(page, CONCURRENCY, (entry) => toScanned(entry, range, from, options));
      const found = entries.filter((entry) => entry !== undefined).slice(0, left);
      left -= found.length;
      if (found.length > 0) yield found;
      if (left === 0) return;
    }
  }

  async write(ops: readonly WriteOp[], options?: CallOptions): Promise<readonly (Put | Delete | StoreError)[]> {
    checkList("operations", ops);
    const prepared = ops.map((op) => this.#prepareOrFail(op));
    const bounded = this.#records.bound(options);
    if (this.#tombstones) {
      return settleAll(ops, CONCURRENCY, (op, index) => {
        const checked = prepared[index];
        if (StoreError.is(checked)) throw checked;
        return op.type === "put"
          ? this.put(op.key, op.value, op.when, { ...bounded, ttlMs: op.ttlMs })
          : this.delete(op.key, op.when, bounded);
      });
    }
    const sound = prepared.filter((op): op is RecordOp => !StoreError.is(op));
    const results = sound.length === 0 ? [] : await writeRecords(this.#records, sound, bounded);
    let next = 0;
    return prepared.map((op, index) => {
      if (StoreError.is(op)) return op;
      return toBulkResult(ops[index]?.key ?? "", results[next++]);
    });
  }

  async commit(checks: readonly Check[], ops: readonly WriteOp[], options?: CallOptions): Promise<Commit> {
    if (this.capabilities.commit === "none") throw this.#unsupported("commit");
    checkList("checks", checks);
    checkList("operations", ops);
    const userKeys = new Map<string, string>();
    const named = (key: string): string => {
      checkKey(key);
      const driverKey = this.#keys.encodeName(key).key;
      userKeys.set(driverKey, key);
      return driverKey;
    };
    const recordChecks = checks.map((check) => {
      checkCheck(check);
      const { key, when } = check;
      return { key: named(key), when: when === "absent" ? when : toPrior(when.version) };
    });
    const recordOps = ops.map((op) => {
      checkOp(op);
      named(op.key);
      return this.#prepare(op);
    });
    if (userKeys.size < checks.length + ops.length) {
      const keys = [...recordChecks, ...recordOps].map(({ key }) => key);
      const twice = keys.find((key, index) => keys.indexOf(key) !== index) ?? "";
      const reason = `commit: expected each key once, found ${JSON.stringify(userKeys.get(twice))} twice`;
      throw new StoreError("INVALID_ARGUMENT", reason);
    }
    this.#checkPartition([...userKeys]);
    const committed: Committed = await commitRecords(this.#records, recordChecks, recordOps, options);
    if (committed.ok) {
      return { ok: true, versions: committed.priors.map((prior) => (prior === undefined ? prior : toVersion(prior))) };
    }
    const conflicts = committed.conflicts.map(({ key, current }) => {
      const userKey = userKeys.get(key) ?? key;
      return { key: userKey, current: toEntry(userKey, current) };
    });
    return { ok: false, conflicts };
  }

  async *watch(range: Watch, options?: CallOptions): AsyncGenerator<readonly Change[] | Resync, void, undefined> {
    checkObject("range", range);
    checkText("prefix", range.prefix);
    if (range.from !== undefined) checkText("from", range.from);
    if (this.#records.driver.watch === undefined) throw this.#unsupported("watch");
    const { prefix } = this.#keys.range([range.prefix]);
    for await (const step of this.#records.watch({ ...range, prefix }, options)) {
      if (isResync(step)) {
        yield step;
        continue;
      }
      for (const change of step) {
        const seen = toChange(change, this.#records, this.#keys);
        if (isResync(seen)) yield seen;
        else if ((seen.type === "put" ? seen.entry.key : seen.key).startsWith(range.prefix)) yield [seen];
      }
    }
  }

  async session(ttlMs: number, options?: CallOptions): Promise<Session> {
    checkDuration("ttlMs", ttlMs);
    const { driver } = this.#records;
    if (driver.session === undefined) throw this.#unsupported("session");
    return this.#records.run("session", undefined, options, "unknown", (call) => driver.session!(ttlMs, call));
  }

  async begin(options?: CallOptions): Promise<Transaction> {
    return beginTransaction(this, options);
  }

  transaction<T>(work: (transaction: Transaction) => Promise<T>, options?: CallOptions): Promise<T> {
    return runTransaction(this, this.#records, work, options);
  }

  health(options?: CallOptions): Promise<Health> {
    return this.#records.run("health", undefined, options, "none", (call) => this.#records.driver.health(call));
  }

  get lastHealth(): Health | undefined {
    return this.#init.lastHealth();
  }

  metrics(): PersistenceMetrics {
    return this.#init.metrics.snapshot();
  }

  close(): Promise<void> {
    return this.#init.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #delete(key: string, when: DeleteWhen, options: CallOptions | undefined): Promise<Delete> {
    const { key: driverKey, original } = this.#keys.encodeName(key);
    const condition = toDeleteWhen(when);
    const bounded = this.#records.bound(options);
    if (!this.#tombstones) return toDelete(key, await this.#records.delete(driverKey, condition, bounded));
    for (;;) {
      const prior = condition === "always" ? livePrior(await this.#records.get(driverKey, bounded)) : condition;
      if (prior === undefined) return { ok: true };
      const tombstone = { body: EMPTY, tombstone: true, key: original };
      const written = await this.#records.put(driverKey, tombstone, prior, bounded);
      if (written.ok) return { ok: true };
      if (when !== "always") return toConflict(key, written);
    }
  }

  /** Refuses keys that may lie apart, also where they happen to lie together. */
  #checkPartition(keys: readonly (readonly [driverKey: string, key: string])[]): void {
    const { partitions } = this.capabilities;
    const [first, ...others] = keys;
    if (partitions === 1 || first === undefined) return;
    const [tag, partition] = [tagOf(first[1]), partitionOf(first[0], partitions)];
    const apart = others.find(([at, key]) => tagOf(key) !== tag || partitionOf(at, partitions) !== partition);
    if (apart === undefined) return;
    const reason = `commit: ${JSON.stringify(first[1])} and ${JSON.stringify(apart[1])} may lie in different partitions of this provider: give short keys that commit together the same {tag}`;
    throw new StoreError("UNSUPPORTED", reason, { provider: this.provider, operation: "commit" });
  }

  #prepare(op: WriteOp): RecordOp {
    checkOp(op);
    checkKey(op.key);
    const { key, original } = this.#keys.encodeName(op.key);
    if (op.type === "delete") {
      checkDeleteWhen(op.when);
      return { type: "delete", key, when: toDeleteWhen(op.when) };
    }
    checkValue(op.value);
    checkSize(op.value, this.capabilities.limits.maxValueBytes);
    checkWhen(op.when);
    this.#checkPutOptions(op);
    const { ttlMs } = op;
    return { type: "put", key, record: { body: op.value, key: original }, when: toRecordWhen(op.when), ttlMs };
  }

  #prepareOrFail(op: WriteOp): RecordOp | StoreError {
    try {
      return this.#prepare(op);
    } catch (error) {
      return StoreError.from(error, { provider: this.provider, operation: "write" });
    }
  }

  #checkPutOptions(options: Pick<PutOptions, "ttlMs" | "session"> | undefined): void {
    if (options === undefined) return;
    checkTtl(options.ttlMs);
    if (options.ttlMs !== undefined && this.capabilities.clock !== "server-ttl") throw this.#unsupported("ttlMs");
    if (options.session !== undefined && !this.capabilities.session) throw this.#unsupported("session");
  }

  #unsupported(what: string): StoreError {
    return new StoreError("UNSUPPORTED", `${what} is not a capability of this provider`, { provider: this.provider });
  }
}

/** Calls that one call of the Store may have under way at once. */
const CONCURRENCY = 32;
const EMPTY = new Uint8Array(0);
function toRecordWhen(when: When): RecordWhen {
  return typeof when === "string" ? when : toPrior(when.version);
}

function toDeleteWhen(when: DeleteWhen): "always" | Prior {
  return when === "always" ? when : toPrior(when.version);
}

function livePrior(record: StoredRecord | undefined): Prior | undefined {
  return record === undefined || record.envelope.tombstone
    ? undefined
    : { version: record.version, nonce: record.envelope.nonce };
}

function buriedPrior(record: StoredRecord | undefined): Prior | undefined {
  return record?.envelope.tombstone === true ? { version: record.version, nonce: record.envelope.nonce } : undefined;
}

function isResync(item: readonly Change[] | Change | Resync): item is Resync {
  return "type" in item && item.type === "resync";
}
