import {
  type Capabilities,
  type Check,
  type Commit,
  CONTRACT,
  type Delete,
  type DeleteWhen,
  type Entry,
  type Health,
  type Provider,
  type Put,
  type Random,
  type Range,
  StoreError,
  type StoreDriver,
  systemRandom,
  type When,
  type WriteOp,
} from "@orbit/persistence/driver";

import { newRecord } from "./entries.ts";
import type { Environment } from "./environment.ts";
import { toStoreError } from "./errors.ts";
import { checkHealth } from "./health.ts";
import { type BtreeOptions, btreeOptions } from "./options.ts";
import { join, leave } from "./shared.ts";
import type { PreparedOp, Writer } from "./writer.ts";

/** Time and chance as parameters, for tests. */
export interface BtreeRuntime {
  /** Monotonic milliseconds, the same in every thread of the host; `process.hrtime` by default. */
  readonly now?: () => number;
  readonly random?: Random;
}

const MAX_KEY_BYTES = 1978;
const MAX_VALUE_BYTES = 16 * 1024 * 1024;
const MAX_COMMIT_OPS = 4096;
const PAGE_ENTRIES = 256;

const btreeCapabilities: Capabilities = Object.freeze({
  consistency: "linearizable",
  durability: "disk",
  scope: "host",
  clock: "server-age",
  fencing: "total",
  commit: "serializable",
  partitions: 1,
  watch: "none",
  conditionalDelete: true,
  getMany: false,
  write: true,
  session: false,
  fences: false,
  limits: Object.freeze({
    maxKeyBytes: MAX_KEY_BYTES,
    maxValueBytes: MAX_VALUE_BYTES,
    maxCommitOps: MAX_COMMIT_OPS,
    ttlGranularityMs: 1,
    clockSkewMs: 0,
  }),
});

/**
 * Keeps data in a copy-on-write B+tree in one directory on this host, over LMDB. A write is acknowledged once it is on
 * the disk. One process at a time: a second one is refused with the holder's pid; drivers and threads of one process
 * share the directory.
 *
 * @throws StoreError `INVALID_ARGUMENT` naming every fault in the options.
 */
export function btree(
  options: Pick<BtreeOptions, "path"> & Partial<BtreeOptions>,
  runtime: BtreeRuntime = {},
): StoreDriver {
  return new BtreeDriver(btreeOptions.resolve(options), runtime);
}

export const provider: Provider<BtreeOptions> = {
  name: "btree",
  contract: CONTRACT,
  types: ["BTree"],
  schemes: ["btree"],
  options: btreeOptions,
  create: (options) => new BtreeDriver(options, {}),
};

class BtreeDriver implements StoreDriver {
  readonly name = "btree";
  readonly contract: number = CONTRACT;
  readonly capabilities: Capabilities = btreeCapabilities;
  readonly #options: BtreeOptions;
  readonly #runtime: Required<BtreeRuntime>;
  #joined: Promise<Environment> | undefined;
  #environment: Environment | undefined;
  #left: Promise<void> | undefined;

  constructor(options: BtreeOptions, runtime: BtreeRuntime) {
    this.#options = options;
    this.#runtime = { now: runtime.now ?? hostMs, random: runtime.random ?? systemRandom };
  }

  async open(): Promise<void> {
    if (this.#left !== undefined) throw closed();
    this.#joined ??= join(this.#options, this.#runtime);
    try {
      this.#environment = await this.#joined;
    } catch (error) {
      this.#joined = undefined;
      throw error;
    }
  }

  close(): Promise<void> {
    this.#left ??= this.#leave();
    return this.#left;
  }

  async get(key: string): Promise<Entry | undefined> {
    checkKey(key);
    return this.#read((environment) => environment.get(key));
  }

  put(key: string, value: Uint8Array, when: When): Promise<Put> {
    return this.#submit(() => {
      const op = prepare({ type: "put", key, value, when });
      // A put is answered as a put.
      return (writer) => writer.write(op) as Put;
    });
  }

  delete(key: string, when: DeleteWhen): Promise<Delete> {
    return this.#submit(() => {
      const op = prepare({ type: "delete", key, when });
      return (writer) => writer.write(op);
    });
  }

  async *scan(range: Range): AsyncGenerator<readonly Entry[], void, undefined> {
    const { prefix, after, limit = Number.POSITIVE_INFINITY, keysOnly = false } = range;
    const fromAfter = after !== undefined && Buffer.compare(Buffer.from(after), Buffer.from(prefix)) >= 0;
    // The lowest key there is, since LMDB has no empty one.
    let start = fromAfter ? after : prefix || "\0";
    let exclusiveStart = fromAfter;
    checkKey(start);
    for (let left = limit; left > 0;) {
      const pageLimit = Math.min(left, PAGE_ENTRIES);
      const page = await this.#read((environment) =>
        environment.page({ prefix, start, exclusiveStart, limit: pageLimit, keysOnly }),
      );
      const { entries, last } = page;
      if (entries.length > 0) yield entries;
      if (last) return;
      left -= entries.length;
      start = entries.at(-1)?.key ?? start;
      exclusiveStart = true;
    }
  }

  write(ops: readonly WriteOp[]): Promise<readonly (Put | Delete | StoreError)[]> {
    return this.#submit(() => {
      const prepared = ops.map((op) => attempt(() => prepare(op)));
      return (writer) => prepared.map((op) => (StoreError.is(op) ? op : attempt(() => writer.write(op))));
    });
  }

  commit(checks: readonly Check[], ops: readonly WriteOp[]): Promise<Commit> {
    return this.#submit(() => {
      if (checks.length + ops.length > MAX_COMMIT_OPS) {
        const reason = `${checks.length + ops.length} checks and operations, the limit is ${MAX_COMMIT_OPS}`;
        throw new StoreError("TOO_LARGE", reason);
      }
      for (const { key } of checks) checkKey(key);
      const [copied, prepared] = [[...checks], ops.map(prepare)];
      return (writer) => writer.commit(copied, prepared);
    });
  }

  async health(): Promise<Health> {
    const environment = this.#live;
    const start = environment.now();
    try {
      return await checkHealth(environment);
    } catch (error) {
      const cause = toStoreError(error).message;
      return { status: "unhealthy", cause, latencyMs: environment.now() - start };
    }
  }

  /** Checks and copies what is to be written, then submits it. One promise a write: more cost as much as the write. */
  #submit<T>(prepared: () => (writer: Writer) => T): Promise<T> {
    try {
      return this.#live.submit(prepared());
    } catch (error) {
      return Promise.reject(toStoreError(error));
    }
  }

  get #live(): Environment {
    if (this.#environment === undefined || this.#left !== undefined) throw closed();
    return this.#environment;
  }

  async #read<T>(read: (environment: Environment) => T): Promise<T> {
    const environment = this.#live;
    for (let ready = environment.ready; ready !== undefined; ready = environment.ready) await ready;
    try {
      return read(environment);
    } catch (cause) {
      throw toStoreError(cause);
    }
  }

  async #leave(): Promise<void> {
    if (this.#joined === undefined) return;
    let environment: Environment;
    try {
      environment = await this.#joined;
    } catch {
      // It never opened, and `open` has told why.
      return;
    }
    await leave(environment);
  }
}

/** Monotonic, and the same for all threads, which `performance.now` is not. It may stand still while the host sleeps. */
function hostMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

function prepare(op: WriteOp): PreparedOp {
  checkKey(op.key);
  if (op.type === "delete") return op;
  const { key, value, when } = op;
  if (value.length > MAX_VALUE_BYTES) {
    throw new StoreError("TOO_LARGE", `value: ${value.length} bytes, the limit is ${MAX_VALUE_BYTES}`, { key });
  }
  return { type: "put", key, record: newRecord(value), when };
}

function checkKey(key: string): void {
  // A UTF-16 unit takes at most three bytes in UTF-8.
  if (key.length > 0 && key.length * 3 <= MAX_KEY_BYTES) return;
  const bytes = Buffer.byteLength(key);
  if (bytes === 0) throw new StoreError("INVALID_ARGUMENT", "key: expected at least one byte");
  if (bytes > MAX_KEY_BYTES)
    throw new StoreError("TOO_LARGE", `key: ${bytes} bytes, the limit is ${MAX_KEY_BYTES}`, { key });
}

/** Turns a refusal of one operation into its answer. What is no StoreError concerns them all. */
function attempt<T>(run: () => T): T | StoreError {
  try {
    return run();
  } catch (error) {
    if (StoreError.is(error)) return error;
    throw error;
  }
}

function closed(): StoreError {
  return new StoreError("CLOSED", "the store is not open");
}
