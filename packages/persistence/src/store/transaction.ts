import type { CallOptions } from "../contract/driver.ts";
import type { Check, Entry, WriteOp } from "../contract/entry.ts";
import { StoreError } from "../contract/error.ts";
import type { Store, Transaction } from "../contract/store.ts";
import { sleep } from "../runtime/wait.ts";
import { backoffMs } from "./backoff.ts";
import { checkKey, checkValue } from "./checks.ts";
import type { Records } from "./records.ts";

const ATTEMPTS = 32;
const BACKOFF_BASE_MS = 1;
const BACKOFF_MAX_MS = 200;

/** Starts a transaction derived from `commit`: reads become checks, writes become the operations of one commit. */
export function beginTransaction(store: Store, options: CallOptions | undefined): Transaction {
  if (store.capabilities.commit === "none") {
    const reason = "transactions need the capability commit, which this provider lacks";
    throw new StoreError("UNSUPPORTED", reason, { provider: store.provider });
  }
  return new BufferedTransaction(store, options);
}

/** Runs `work` until its reads hold at the commit point; gives up with `CONFLICT`. */
export async function runTransaction<T>(
  store: Store,
  records: Pick<Records, "clock" | "random">,
  work: (transaction: Transaction) => Promise<T>,
  options: CallOptions | undefined,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    await using transaction = beginTransaction(store, options);
    const result = await work(transaction);
    try {
      await transaction.commit(options);
      return result;
    } catch (error) {
      if (!StoreError.is(error) || error.code !== "CONFLICT" || attempt === ATTEMPTS) throw error;
    }
    await sleep(records.clock, backoffMs(records.random, attempt, BACKOFF_BASE_MS, BACKOFF_MAX_MS), options?.signal);
  }
}

class BufferedTransaction implements Transaction {
  readonly #store: Store;
  readonly #options: CallOptions | undefined;
  readonly #reads = new Map<string, Entry | undefined>();
  readonly #writes = new Map<string, Uint8Array | undefined>();
  #ended = false;

  constructor(store: Store, options: CallOptions | undefined) {
    this.#store = store;
    this.#options = options;
  }

  async get(key: string, options?: CallOptions): Promise<Uint8Array | undefined> {
    this.#checkOpen();
    if (this.#writes.has(key)) return this.#writes.get(key);
    if (!this.#reads.has(key)) {
      const entry = await this.#store.get(key, { ...this.#options, ...options });
      // Two reads of one key under way at once must agree.
      if (!this.#reads.has(key)) this.#reads.set(key, entry);
    }
    return this.#reads.get(key)?.value;
  }

  put(key: string, value: Uint8Array): void {
    this.#checkOpen();
    checkKey(key);
    checkValue(value);
    // The caller may use its buffer again before the commit.
    this.#writes.set(key, new Uint8Array(value));
  }

  delete(key: string): void {
    this.#checkOpen();
    checkKey(key);
    this.#writes.set(key, undefined);
  }

  async commit(options?: CallOptions): Promise<void> {
    this.#checkOpen();
    this.#ended = true;
    const checks: Check[] = [];
    for (const [key, entry] of this.#reads) {
      if (!this.#writes.has(key))
        checks.push({ key, when: entry === undefined ? "absent" : { version: entry.version } });
    }
    const ops = [...this.#writes].map(([key, value]) => this.#op(key, value, checks)).filter((op) => op !== undefined);
    if (checks.length + ops.length === 0) return;
    const committed = await this.#store.commit(checks, ops, { ...this.#options, ...options });
    if (committed.ok) return;
    const keys = committed.conflicts.map(({ key }) => JSON.stringify(key)).join(", ");
    throw new StoreError("CONFLICT", `changed since they were read: ${keys}`, {
      provider: this.#store.provider,
      operation: "commit",
    });
  }

  rollback(): void {
    this.#ended = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.rollback();
  }

  /** The operation of one buffered write, under what was read of its key. */
  #op(key: string, value: Uint8Array | undefined, checks: Check[]): WriteOp | undefined {
    const read = this.#reads.get(key);
    const wasRead = this.#reads.has(key);
    if (value !== undefined) {
      const when = !wasRead ? "always" : read === undefined ? "absent" : { version: read.version };
      return { type: "put", key, value, when };
    }
    if (wasRead && read === undefined) {
      checks.push({ key, when: "absent" });
      return undefined;
    }
    return { type: "delete", key, when: read === undefined ? "always" : { version: read.version } };
  }

  #checkOpen(): void {
    if (this.#ended) throw new StoreError("CLOSED", "the transaction has ended: begin a new one");
  }
}
