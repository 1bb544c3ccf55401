import type { Capabilities } from "./capabilities.ts";
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

export interface CallOptions {
  /** Gives the call up. A write that was already sent may still land. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Instant on the store's monotonic clock, in milliseconds, after which the call fails with `TIMEOUT`. `Infinity`: none,
   * whatever the store's own is.
   */
  readonly deadline?: number | undefined;
}

export interface PutOptions extends CallOptions {
  /**
   * Milliseconds after which the store removes the entry by its own clock. Needs the clock rule `server-ttl`. The last
   * write alone decides: one without a ttl makes the entry stay.
   */
  readonly ttlMs?: number | undefined;
  /** Ties the entry to a session: it is removed when the session ends. Needs the capability `session`. */
  readonly session?: Session | undefined;
}

/** One heartbeat for many keys. */
export interface Session {
  readonly id: string;
  /** The granted time to live, in milliseconds, at least what was asked for. */
  readonly ttlMs: number;
  keepAlive(options?: CallOptions): Promise<void>;
  /** Ends the session at once and removes its keys. */
  revoke(options?: CallOptions): Promise<void>;
}

/**
 * All that a plugin must write. Keys are short ASCII strings made by the core, values are bytes made by the core; a
 * driver neither looks into them nor retries a conditional write. It throws only {@link StoreError}, made by its one
 * `toStoreError`. The core has checked arguments, closed state and abort before a method is called.
 */
export interface StoreDriver {
  /** The provider's short name, such as `redis`; stands in errors and metrics. */
  readonly name: string;
  /** The contract version it was written for: `1`. */
  readonly contract: number;
  readonly capabilities: Capabilities;
  /** Connects. Idempotent. The core then probes that conditions are honoured. */
  open(options?: CallOptions): Promise<void>;
  get(key: string, options?: CallOptions): Promise<Entry | undefined>;
  put(key: string, value: Uint8Array, when: When, options?: PutOptions): Promise<Put>;
  delete(key: string, when: DeleteWhen, options?: CallOptions): Promise<Delete>;
  /** Pages in byte order of keys. Entries that exist throughout the scan appear exactly once. */
  scan(range: Range, options?: CallOptions): AsyncIterable<readonly Entry[]>;
  health(options?: CallOptions): Promise<Health>;
  /** Frees what `open` took. Idempotent. */
  close(): Promise<void>;

  // Present exactly when the capabilities declare them.
  getMany?(keys: readonly string[], options?: CallOptions): Promise<readonly (Entry | undefined)[]>;
  /** Many writes in few round trips, each on its own: answers and errors in the order of `ops`. */
  write?(ops: readonly WriteOp[], options?: CallOptions): Promise<readonly (Put | Delete | StoreError)[]>;
  /** All or nothing. Every check and every condition holds at the commit point. */
  commit?(checks: readonly Check[], ops: readonly WriteOp[], options?: CallOptions): Promise<Commit>;
  /** Ends, or throws, when `signal` fires: also a stream that waits for a change must. */
  watch?(range: Watch, options?: CallOptions): AsyncIterable<readonly Change[] | Resync>;
  session?(ttlMs: number, options?: CallOptions): Promise<Session>;
  /** Returns a number above `above` and above every number returned before, durably. */
  nextFence?(above: bigint, options?: CallOptions): Promise<bigint>;

  /**
   * Tells the store's own clock in microseconds, as its latest answers let it be reckoned, without a request; `undefined`
   * before the first. Where a failover can bring old records back, fences are lifted above it.
   */
  clockMicros?(): bigint | undefined;
}
