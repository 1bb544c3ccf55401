import {
  type CallOptions,
  type Capabilities,
  type Change,
  type Check,
  type Commit,
  CONTRACT,
  type Delete,
  type DeleteWhen,
  type Entry,
  type Health,
  type Provider,
  type Put,
  type PutOptions,
  type Random,
  type Range,
  type Resync,
  type StoreDriver,
  StoreError,
  systemRandom,
  type Version,
  type Watch,
  type When,
  type WriteOp,
} from "@orbit/persistence/driver";
import type { Cluster, Redis } from "ioredis";

import { type Address, addressOf } from "./address.ts";
import { capabilitiesOf, checkSize, MAX_COMMIT_OPS } from "./capabilities.ts";
import { type Argument, Pool, type Reply } from "./client.ts";
import { ServerClock } from "./clock.ts";
import { type Connector, connector, connectorLike, firstConnection } from "./connect.ts";
import { checkHealth } from "./health.ts";
import { Layout } from "./keys.ts";
import { redisOptions, type RedisOptions } from "./options.ts";
import { scanBuckets } from "./scan.ts";
import { apply, sweepExpired, VERSION_BYTES } from "./scripts.ts";
import { checkServer, claimLayout, inspect, type Strength, strengthOf, WEAKEST } from "./server.ts";
import { checkArguments, opArguments, toEntry, versionSource } from "./values.ts";
import { watchStreams } from "./watch.ts";

/** Keys of one MGET. */
const MAX_READ = 512;

/** What is not data. */
export interface RedisRuntime {
  /** Connects as this client of the application's does, with connections of its own. The options' `url` is not used. */
  readonly client?: Redis | Cluster;
  /** Monotonic milliseconds; `performance.now` by default. */
  readonly now?: () => number;
  readonly random?: Random;
}

/**
 * Makes a driver that keeps entries in Redis: one server, one behind Sentinels, or a cluster. It connects when the store
 * opens it.
 *
 * @throws StoreError `INVALID_ARGUMENT` naming every option that is wrong.
 */
export function redis(options: Partial<RedisOptions> = {}, runtime: RedisRuntime = {}): StoreDriver {
  return new RedisDriver(redisOptions.resolve(options), runtime);
}

/** How configuration reaches this package. */
export const provider: Provider<RedisOptions> = {
  name: "redis",
  contract: CONTRACT,
  types: ["Redis"],
  schemes: ["redis", "rediss", "redis+sentinel", "rediss+sentinel"],
  options: redisOptions,
  create: (options) => new RedisDriver(options, {}),
};

class RedisDriver implements StoreDriver {
  readonly name = "redis";
  readonly contract: number = CONTRACT;
  readonly #options: RedisOptions;
  readonly #runtime: RedisRuntime;
  readonly #address: Pick<Address, "topology">;
  readonly #layout: Layout;
  readonly #clock: ServerClock;
  readonly #version: () => Version;
  #capabilities: Capabilities;
  #opening: Promise<void> | undefined;
  #connector: Connector | undefined;
  #pool: Pool | undefined;
  #strength: Strength = WEAKEST;
  #closing = new AbortController();

  constructor(options: RedisOptions, runtime: RedisRuntime) {
    this.#options = options;
    this.#runtime = runtime;
    this.#address = runtime.client === undefined ? addressOf(options) : { topology: topologyOf(runtime.client) };
    this.#layout = new Layout(options.prefix, options.buckets);
    this.#clock = new ServerClock(runtime.now ?? (() => performance.now()));
    this.#version = versionSource(runtime.random ?? systemRandom);
    this.#capabilities = capabilitiesOf(WEAKEST, options.buckets);
  }

  /** The weakest before the store is open: what they are depends on the server's settings. */
  get capabilities(): Capabilities {
    return this.#capabilities;
  }

  async open(): Promise<void> {
    this.#opening ??= this.#open();
    try {
      await this.#opening;
    } catch (error) {
      this.#opening = undefined;
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#opening?.catch(() => undefined);
    this.#opening = undefined;
    this.#closing.abort();
    this.#pool?.close();
    this.#pool = undefined;
  }

  async get(key: string): Promise<Entry | undefined> {
    return toEntry(key, await this.#client.read("get", [this.#layout.value(key)]));
  }

  async getMany(keys: readonly string[]): Promise<readonly (Entry | undefined)[]> {
    const found: (Entry | undefined)[] = [];
    await this.#inGroups(
      keys,
      (key) => key,
      async (group) => {
        const stored = await this.#client.read(
          "mget",
          group.map(({ item }) => this.#layout.value(item)),
        );
        for (const [at, { index, item }] of group.entries())
          found[index] = toEntry(item, (stored as readonly Reply[])[at]);
      },
    );
    return found;
  }

  async put(key: string, value: Uint8Array, when: When, options?: PutOptions): Promise<Put> {
    const ttlMs = options?.ttlMs;
    const op: WriteOp = { type: "put", key, value, when, ...(ttlMs !== undefined && { ttlMs }) };
    const answer = await this.#commit([], [op]);
    // One version an operation, and that of a put.
    return answer.ok
      ? { ok: true, version: answer.versions[0]! }
      : { ok: false, current: answer.conflicts[0]?.current };
  }

  async delete(key: string, when: DeleteWhen): Promise<Delete> {
    const answer = await this.#commit([], [{ type: "delete", key, when }]);
    return answer.ok ? { ok: true } : { ok: false, current: answer.conflicts[0]?.current };
  }

  scan(range: Range): AsyncIterable<readonly Entry[]> {
    return scanBuckets(this.#client, this.#layout, range, (keys, keysOnly) => this.#listed(keys, keysOnly));
  }

  async write(ops: readonly WriteOp[]): Promise<readonly (Put | Delete | StoreError)[]> {
    const answers: (Put | Delete | StoreError)[] = [];
    const sound = ops.flatMap((op, index) => {
      const fault = checkSize(op);
      if (fault !== undefined) answers[index] = fault;
      return fault === undefined ? [{ op, index }] : [];
    });
    const buckets = Map.groupBy(sound, ({ op }) => this.#layout.bucketOf(op.key));
    await Promise.all([...buckets].map(([bucket, group]) => this.#writeBucket(bucket, group, answers)));
    return answers;
  }

  async commit(checks: readonly Check[], ops: readonly WriteOp[]): Promise<Commit> {
    const [first, ...others] = [...checks, ...ops].map(({ key }) => key);
    if (first === undefined) return { ok: true, versions: [] };
    const bucket = this.#layout.bucketOf(first);
    const apart = others.find((key) => this.#layout.bucketOf(key) !== bucket);
    if (apart !== undefined) {
      const keys = `${JSON.stringify(first)} and ${JSON.stringify(apart)}`;
      throw new StoreError(
        "UNSUPPORTED",
        `the keys ${keys} lie in different buckets: give keys that commit together the same {tag}`,
      );
    }
    const count = checks.length + ops.length;
    if (count > MAX_COMMIT_OPS) {
      throw new StoreError("TOO_LARGE", `${count} checks and operations, the limit is ${MAX_COMMIT_OPS}`);
    }
    return this.#commit(checks, ops);
  }

  watch(range: Watch, options?: CallOptions): AsyncIterable<readonly Change[] | Resync> {
    this.#checkOpen();
    return watchStreams({
      connector: this.#connector!,
      layout: this.#layout,
      clustered: this.#address.topology === "cluster",
      clock: this.#clock,
      commandTimeoutMs: this.#options.commandTimeoutMs,
      range,
      signal: options?.signal,
      closing: this.#closing.signal,
    });
  }

  async health(): Promise<Health> {
    return checkHealth(this.#client, this.#address, this.#strength);
  }

  clockMicros(): bigint | undefined {
    return this.#clock.micros();
  }

  async #open(): Promise<void> {
    const { client } = this.#runtime;
    const options = this.#options;
    const address = addressOf(options);
    const own = client === undefined ? await connector(options, address) : connectorLike(client, options);
    const first = await firstConnection(own, options.connectionTimeoutMs, address.tls);
    try {
      const infos = await inspect(first);
      for (const info of infos) checkServer(info, this.#address);
      this.#strength = await strengthOf(first, infos, this.#address);
      await claimLayout(first, this.#layout);
      await Promise.all([apply, sweepExpired].map(({ text }) => first.readEach("script", ["load", text])));
    } catch (error) {
      first.close();
      throw error;
    }
    this.#capabilities = capabilitiesOf(this.#strength, options.buckets);
    this.#connector = own;
    this.#closing = new AbortController();
    this.#pool = new Pool(first, () => own.connect(), options.poolSize);
  }

  get #client(): Pool {
    this.#checkOpen();
    return this.#pool!;
  }

  #checkOpen(): void {
    if (this.#pool === undefined) throw new StoreError("CLOSED", "the store is not open");
  }

  /** Applies all operations or none; their keys lie in one bucket. */
  async #commit(checks: readonly Check[], ops: readonly WriteOp[]): Promise<Commit> {
    for (const op of ops) {
      const fault = checkSize(op);
      if (fault !== undefined) throw fault;
    }
    const keys = [...checks, ...ops].map(({ key }) => key);
    const made = ops.map((op) => opArguments(op, this.#version));
    const args = [...checks.flatMap(checkArguments), ...made.flatMap((each) => each.args)];
    const reply = await this.#apply("all", this.#layout.bucketOf(keys[0] ?? ""), keys, args);
    if (!Array.isArray(reply)) {
      this.#clock.tell(reply);
      return { ok: true, versions: made.map(({ version }) => version) };
    }
    const [micros, ...lost] = reply as readonly Reply[];
    this.#clock.tell(micros);
    const conflicts = Array.from({ length: lost.length / 2 }, (_, at) => {
      const key = keys[Number(lost[2 * at])] ?? "";
      return { key, current: toEntry(key, lost[2 * at + 1]) };
    });
    return { ok: false, conflicts };
  }

  /** Writes operations of one bucket, each on its own; what concerns them all is the answer of each. */
  async #writeBucket(
    bucket: number,
    group: readonly { readonly op: WriteOp; readonly index: number }[],
    answers: (Put | Delete | StoreError)[],
  ): Promise<void> {
    const made = group.map(({ op }) => opArguments(op, this.#version));
    const keys = group.map(({ op }) => op.key);
    try {
      const reply = await this.#apply(
        "each",
        bucket,
        keys,
        made.flatMap(({ args }) => args),
      );
      const [micros, ...each] = reply as readonly Reply[];
      this.#clock.tell(micros);
      for (const [at, { op, index }] of group.entries()) {
        const answer = each[at];
        const version = made[at]?.version;
        if (Array.isArray(answer)) answers[index] = { ok: false, current: toEntry(op.key, answer[0]) };
        else answers[index] = version === undefined ? { ok: true } : { ok: true, version };
      }
    } catch (error) {
      for (const { op, index } of group) {
        answers[index] = StoreError.from(error, { provider: this.name, operation: "write", key: op.key });
      }
    }
  }

  #apply(mode: "all" | "each", bucket: number, keys: readonly string[], args: readonly Argument[]): Promise<Reply> {
    const own = [this.#layout.index(bucket), this.#layout.log(bucket), this.#layout.expiry(bucket)];
    const values = keys.map((key) => this.#layout.value(key));
    return this.#client.run(apply, [...own, ...values], [mode, String(this.#layout.offset(bucket) + 1), ...args]);
  }

  /** Reads what the index told. What has expired still stands there: it is passed over and tidied away. */
  async #listed(keys: readonly string[], keysOnly: boolean): Promise<readonly (Entry | undefined)[]> {
    const found = keysOnly ? await this.#versions(keys) : await this.getMany(keys);
    const stale = new Set(keys.filter((_, at) => found[at] === undefined).map((key) => this.#layout.bucketOf(key)));
    await Promise.all([...stale].map((bucket) => this.#sweep(bucket)));
    return found;
  }

  async #versions(keys: readonly string[]): Promise<readonly (Entry | undefined)[]> {
    return Promise.all(
      keys.map(async (key) => {
        const stored = await this.#client.read("getrange", [this.#layout.value(key), "0", String(VERSION_BYTES - 1)]);
        return toEntry(key, (stored as Buffer).length === 0 ? null : stored);
      }),
    );
  }

  async #sweep(bucket: number): Promise<void> {
    const { index, log, expiry } = {
      index: this.#layout.index(bucket),
      log: this.#layout.log(bucket),
      expiry: this.#layout.expiry(bucket),
    };
    await this.#client.run(sweepExpired, [index, log, expiry], []);
  }

  /** One command may name many keys of one server; in a cluster, of one slot. */
  async #inGroups<Item>(
    items: readonly Item[],
    keyOf: (item: Item) => string,
    work: (group: readonly { readonly item: Item; readonly index: number }[]) => Promise<void>,
  ): Promise<void> {
    const clustered = this.#address.topology === "cluster";
    const numbered = items.map((item, index) => ({ item, index }));
    const groups = Map.groupBy(numbered, ({ item, index }) =>
      clustered ? this.#layout.bucketOf(keyOf(item)) : Math.floor(index / MAX_READ),
    );
    await Promise.all([...groups.values()].map(work));
  }
}

function topologyOf(client: Redis | Cluster): Address["topology"] {
  if (client.isCluster) return "cluster";
  return "sentinels" in client.options && client.options.sentinels !== undefined && client.options.sentinels !== null
    ? "sentinel"
    : "standalone";
}
