import { Call, type CallOptions, MAX_TIMEOUT_MS } from "./call/call.ts";
import { type KeySpace, rawV1, rawV2 } from "./codec/key-space.ts";
import { TikvError } from "./errors.ts";
import type { ConnectionOptions } from "./grpc/connection.ts";
import { type Settings, settingsOf, type TikvClientOptions } from "./options.ts";
import { PlacementDriver } from "./pd/pd.ts";
import { checkedRawOptions, RawClient, type RawOptions } from "./raw/raw-client.ts";
import { RegionCache } from "./region/region-cache.ts";
import { RegionSender } from "./region/sender.ts";
import { Stores } from "./region/stores.ts";
import { type Runtime, systemRuntime } from "./runtime.ts";

// As client-go: the time between signs of life, and the time that one may take.
const KEEPALIVE_MS = 10_000;
const KEEPALIVE_TIMEOUT_MS = 3_000;
const CONNECT_TIMEOUT_MS = 5_000;
/** An answer of a store can hold 10,240 values; above 2 GB Node has no buffer. */
const MAX_MESSAGE_BYTES = 2 ** 31 - 1;
const MAX_BATCH_SIZE = 128;
/** How long the sleeps of one call may take together, as client-go for raw KV and timestamps. */
const RAW_BUDGET_MS = 20_000;
const TIMESTAMP_BUDGET_MS = 15_000;

/** A connection to a TiKV cluster. */
export class TikvClient implements AsyncDisposable {
  readonly #settings: Settings;
  readonly #runtime: Runtime;
  readonly #pd: PlacementDriver;
  readonly #stores: Stores;
  #rawSender: RegionSender | undefined;
  #closed = false;

  private constructor(settings: Settings, runtime: Runtime) {
    this.#settings = settings;
    this.#runtime = runtime;
    const connection: ConnectionOptions = {
      runtime,
      tls: settings.tls,
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      keepaliveMs: KEEPALIVE_MS,
      keepaliveTimeoutMs: KEEPALIVE_TIMEOUT_MS,
      maxMessageBytes: MAX_MESSAGE_BYTES,
    };
    this.#pd = new PlacementDriver(settings.endpoints, connection);
    const { connectionsPerStore } = settings;
    this.#stores = new Stores(this.#pd, { ...connection, connectionsPerStore, maxBatchSize: MAX_BATCH_SIZE });
  }

  /**
   * Connects to PD and, under API V2, loads the keyspace. Throws `INVALID_ARGUMENT`, `UNAVAILABLE`, `TIMEOUT`,
   * `CLUSTER_MISMATCH` where the endpoints belong to several clusters, or `KEYSPACE`.
   */
  static async open(options: TikvClientOptions, call?: CallOptions): Promise<TikvClient> {
    const client = new TikvClient(settingsOf(options), systemRuntime);
    try {
      await client.#open(client.#start("open", call, RAW_BUDGET_MS));
      return client;
    } catch (error) {
      await client.close();
      throw error;
    }
  }

  /** PD's id of the cluster. */
  get clusterId(): bigint {
    return this.#pd.clusterId;
  }

  /** Reads and writes keys outside transactions. Below API V2, a cluster holds raw keys or transactions, never both. */
  raw(options: RawOptions = {}): RawClient {
    const checked = checkedRawOptions(options, this.#settings.apiVersion);
    return new RawClient(this.#rawSender!, (name, call) => this.#start(name, call, RAW_BUDGET_MS), checked);
  }

  /**
   * Gives a timestamp of the cluster: unique, and above all that were given before. The upper bits are milliseconds
   * since 1970 by PD's clock, the lower 18 count within one.
   */
  async timestamp(options?: CallOptions): Promise<bigint> {
    return this.#pd.oracle.timestamp(this.#start("timestamp", options, TIMESTAMP_BUDGET_MS));
  }

  /** Ends all connections. Calls under way fail. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#stores.close();
    this.#pd.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #open(call: Call): Promise<void> {
    await this.#pd.open(call);
    const { apiVersion, keyspace, maxRegions } = this.#settings;
    const space: KeySpace =
      apiVersion === "V2" ? rawV2(await this.#pd.keyspaceId(call, keyspace)) : rawV1(apiVersion === "V1TTL");
    const parts = { pd: this.#pd, stores: this.#stores, runtime: this.#runtime, maxRegions };
    this.#rawSender = new RegionSender(new RegionCache(space, parts), this.#stores, this.#pd);
  }

  #start(name: string, options: CallOptions | undefined, budgetMs: number): Call {
    if (this.#closed) throw new TikvError("CLOSED", `${name}: the client is closed`);
    const { signal, timeoutMs = this.#settings.timeoutMs } = options ?? {};
    if (signal !== undefined && !(signal instanceof AbortSignal)) {
      throw new TikvError("INVALID_ARGUMENT", "signal: expected an AbortSignal");
    }
    if (typeof timeoutMs !== "number" || !(timeoutMs > 0 && timeoutMs <= MAX_TIMEOUT_MS)) {
      throw new TikvError("INVALID_ARGUMENT", `timeoutMs: expected milliseconds above 0 and up to ${MAX_TIMEOUT_MS}`);
    }
    const call = new Call(this.#runtime, name, { deadline: this.#runtime.now() + timeoutMs, signal, budgetMs });
    call.check();
    return call;
  }
}
