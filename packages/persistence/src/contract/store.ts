import type { PersistenceMetrics } from "../layers/metrics.ts";
import type { Capabilities } from "./capabilities.ts";
import type { CallOptions, PutOptions, Session } from "./driver.ts";
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
} from "./entry.ts";
import type { StoreError } from "./error.ts";
import type { Health } from "./health.ts";

/**
 * What applications hold: one namespace of a driver, with every argument checked before I/O, values enveloped, and
 * unknown outcomes resolved. Keys are any non-empty well-formed strings of at most `capabilities.limits.maxKeyBytes`
 * UTF-8 bytes. Every method throws only {@link StoreError}.
 */
export interface Store extends AsyncDisposable {
  readonly provider: string;
  readonly namespace: string;
  /** What this store promises, as declared by the driver and corrected by the probe; limits are those of this API. */
  readonly capabilities: Capabilities;

  get(key: string, options?: CallOptions): Promise<Entry | undefined>;
  /** Reads many keys, in the order asked for; one round trip where the provider can. */
  getMany(keys: readonly string[], options?: CallOptions): Promise<readonly (Entry | undefined)[]>;
  /**
   * Writes under a condition. `outcome: "unknown"` on the thrown error means that the write may have been applied;
   * conditional writes have then been sent again until the deadline without a certain answer.
   */
  put(key: string, value: Uint8Array, when: When, options?: PutOptions): Promise<Put>;
  delete(key: string, when: DeleteWhen, options?: CallOptions): Promise<Delete>;
  /** Pages in byte order of the UTF-8 keys (keys over the driver's limit sort by a cut prefix and a hash). */
  scan(range: Range, options?: CallOptions): AsyncIterable<readonly Entry[]>;
  /** Many writes, each on its own: one answer or error an operation, in order. */
  write(ops: readonly WriteOp[], options?: CallOptions): Promise<readonly (Put | Delete | StoreError)[]>;
  /** All or nothing. Throws `UNSUPPORTED` without the capability. */
  commit(checks: readonly Check[], ops: readonly WriteOp[], options?: CallOptions): Promise<Commit>;
  /** Changes of a range. Throws `UNSUPPORTED` without the capability. */
  watch(range: Watch, options?: CallOptions): AsyncIterable<readonly Change[] | Resync>;
  /** Opens a session for `put`. Throws `UNSUPPORTED` without the capability. */
  session(ttlMs: number, options?: CallOptions): Promise<Session>;

  /** Starts a transaction: `await using tx = await store.begin()`. Leaving the scope without `commit` discards it. */
  begin(options?: CallOptions): Promise<Transaction>;
  /** Runs `work` in a transaction and commits it; runs it anew when a read has changed meanwhile. */
  transaction<T>(work: (transaction: Transaction) => Promise<T>, options?: CallOptions): Promise<T>;

  /** Checks the backend now. */
  health(options?: CallOptions): Promise<Health>;
  /** The last periodic check; `undefined` before the first, and where no interval is set. */
  readonly lastHealth: Health | undefined;
  metrics(): PersistenceMetrics;
  close(): Promise<void>;
}

/**
 * Reads and buffered writes that commit together. Reads see the transaction's own writes; every read is checked at the
 * commit point, so that committed transactions are serializable over the keys they read.
 */
export interface Transaction extends AsyncDisposable {
  get(key: string, options?: CallOptions): Promise<Uint8Array | undefined>;
  put(key: string, value: Uint8Array): void;
  delete(key: string): void;
  /** Applies all writes or none. Throws `CONFLICT` when a key that was read has changed. */
  commit(options?: CallOptions): Promise<void>;
  /** Discards the writes. Idempotent. */
  rollback(): void;
}
