import {
  type CallOptions,
  type Capabilities,
  type Change,
  type Check,
  type Clock,
  type Commit,
  CONTRACT,
  type Delete,
  type DeleteWhen,
  type Entry,
  type Health,
  type Put,
  type PutOptions,
  type Random,
  type Range,
  type Resync,
  type Session,
  type StoreDriver,
  StoreError,
  type Watch,
  type When,
  type WriteOp,
} from "@orbit/persistence/driver";

import { Backup } from "./backup/backup.ts";
import { type Files, nodeFiles } from "./backup/files.ts";
import { nodeHost } from "./backup/host.ts";
import { memoryCapabilities } from "./capabilities.ts";
import { Data, type MemoryData } from "./data.ts";
import { checkRoom, checkRoomFor, checkSizes, roomHealth } from "./limits.ts";
import { type MemoryOptions, memoryOptions } from "./options.ts";
import type { SessionState } from "./sessions.ts";
import type { Slot } from "./table.ts";
import { WatchStream } from "./watch.ts";

const PAGE_ENTRIES = 1000;

/** What tests put in the place of the system. */
export interface MemoryRuntime {
  /** Data to share with other drivers; its clock and randomness are used. Own data by default. */
  readonly data?: MemoryData;
  readonly clock?: Clock;
  readonly random?: Random;
  /** The file system of the backup. */
  readonly files?: Files;
}

/**
 * Makes a driver that keeps entries in the memory of this process, and on disk where `diskBackup` says so. Starts
 * nothing before `open`.
 *
 * @throws StoreError `INVALID_ARGUMENT` naming every option that is wrong.
 */
export function memory(options: Partial<MemoryOptions> = {}, runtime: MemoryRuntime = {}): StoreDriver {
  const { data = new Data(runtime) } = runtime;
  if (!(data instanceof Data)) {
    throw new StoreError(
      "INVALID_ARGUMENT",
      "data: expected what memoryData() returned, of the same copy of this package",
    );
  }
  return new MemoryDriver(memoryOptions.resolve(options), data, runtime.files ?? nodeFiles);
}

class MemoryDriver implements StoreDriver {
  readonly name = "memory";
  readonly contract: number = CONTRACT;
  readonly capabilities: Capabilities;
  readonly #options: MemoryOptions;
  readonly #data: Data;
  readonly #backup: Backup | undefined;
  #closing = new AbortController();
  #state: Promise<void> = Promise.resolve();
  #opened = false;

  constructor(options: MemoryOptions, data: Data, files: Files) {
    this.#options = options;
    this.#data = data;
    this.#backup = options.diskBackup && new Backup(data, files, nodeHost, options.diskBackup);
    this.capabilities = this.#backup ? { ...memoryCapabilities, durability: "async" } : memoryCapabilities;
  }

  open(): Promise<void> {
    return this.#turn(async () => {
      if (this.#opened) return;
      await this.#backup?.open();
      this.#opened = true;
      this.#closing = new AbortController();
      this.#data.use();
    });
  }

  close(): Promise<void> {
    return this.#turn(async () => {
      if (!this.#opened) return;
      this.#opened = false;
      this.#closing.abort();
      this.#data.leave();
      await this.#backup?.close();
    });
  }

  async get(key: string): Promise<Entry | undefined> {
    const slot = this.#data.read(key);
    return slot === undefined ? undefined : this.#data.entry(key, slot);
  }

  async getMany(keys: readonly string[]): Promise<readonly (Entry | undefined)[]> {
    return keys.map((key) => this.#current(key));
  }

  async put(key: string, value: Uint8Array, when: When, options?: PutOptions): Promise<Put> {
    const session = options?.session && this.#data.sessionOf(options.session.id);
    return this.#put(key, value, when, options?.ttlMs, session);
  }

  async delete(key: string, when: DeleteWhen): Promise<Delete> {
    return this.#delete(key, when);
  }

  async *scan({ prefix, after, limit, keysOnly }: Range): AsyncGenerator<readonly Entry[], void, undefined> {
    let left = limit ?? Number.POSITIVE_INFINITY;
    // What lies before the prefix is skipped. Each page goes on after the last key of the one before, whatever was
    // written meanwhile.
    const { table } = this.#data;
    let from = after !== undefined && table.compare(after, prefix) >= 0 ? after : prefix;
    let inclusive = from !== after;
    for (;;) {
      this.#data.expire();
      const page: Entry[] = [];
      const size = Math.min(PAGE_ENTRIES, left);
      table.visit(from, inclusive, (key) => {
        const slot = key.startsWith(prefix) ? table.get(key) : undefined;
        if (slot !== undefined) page.push(this.#data.entry(key, slot, keysOnly));
        return slot !== undefined && page.length < size;
      });
      const last = page.at(-1);
      if (last === undefined) return;
      yield page;
      left -= page.length;
      if (page.length < PAGE_ENTRIES || left === 0) return;
      from = last.key;
      inclusive = false;
    }
  }

  async write(ops: readonly WriteOp[]): Promise<readonly (Put | Delete | StoreError)[]> {
    return ops.map((op) => {
      try {
        return op.type === "put"
          ? this.#put(op.key, op.value, op.when, op.ttlMs, undefined)
          : this.#delete(op.key, op.when);
      } catch (error) {
        return StoreError.from(error, { provider: this.name, operation: "write", key: op.key });
      }
    });
  }

  async commit(checks: readonly Check[], ops: readonly WriteOp[]): Promise<Commit> {
    // Nothing here waits, so that nobody else runs between the conditions and the writes.
    this.#data.expire();
    for (const op of ops) if (op.type === "put") checkSizes(op.key, op.value);
    const failed = [...this.#failing(checks), ...this.#failing(ops)];
    if (failed.length > 0) {
      return { ok: false, conflicts: failed.map((key) => ({ key, current: this.#current(key) })) };
    }
    checkRoom(this.#data.table, this.#options, ops);
    const versions = ops.map((op) => {
      if (op.type === "put") return this.#data.versions.text(this.#data.put(op.key, op.value, op.ttlMs, undefined));
      this.#data.delete(op.key);
      return undefined;
    });
    return { ok: true, versions };
  }

  watch(range: Watch, options?: CallOptions): AsyncIterable<readonly Change[] | Resync> {
    return new WatchStream(this.#data, range, options, this.#closing.signal);
  }

  async session(ttlMs: number): Promise<Session> {
    const data = this.#data;
    const { id, ttlMs: granted } = data.openSession(ttlMs);
    return {
      id,
      ttlMs: granted,
      async keepAlive() {
        data.keepAlive(data.sessionOf(id));
      },
      async revoke() {
        data.endSession(id);
      },
    };
  }

  nextFence(above: bigint): Promise<bigint> {
    return this.#data.fences.next(above);
  }

  async health(): Promise<Health> {
    const start = this.#data.clock.now();
    this.#data.expire();
    const { cause: full, details } = roomHealth(this.#data.table, this.#options);
    const cause = [full, this.#backup?.trouble].filter((text) => text !== undefined).join("; ");
    const latencyMs = this.#data.clock.now() - start;
    return {
      status: cause === "" ? "healthy" : "degraded",
      ...(cause !== "" && { cause }),
      latencyMs,
      details: { ...details, ...this.#backup?.details },
    };
  }

  #put(key: string, value: Uint8Array, when: When, ttlMs: number | undefined, session: SessionState | undefined): Put {
    checkSizes(key, value);
    const slot = this.#data.read(key);
    if (!this.#holds(slot, when)) return { ok: false, current: slot && this.#data.entry(key, slot) };
    checkRoomFor(this.#data.table, this.#options, key, slot, value);
    return { ok: true, version: this.#data.versions.text(this.#data.put(key, value, ttlMs, session)) };
  }

  #delete(key: string, when: DeleteWhen): Delete {
    const slot = this.#data.read(key);
    if (!this.#holds(slot, when)) return { ok: false, current: slot && this.#data.entry(key, slot) };
    this.#data.delete(key);
    return { ok: true };
  }

  /** The keys whose conditions do not hold. */
  #failing(conditions: readonly { readonly key: string; readonly when: When }[]): string[] {
    const failed: string[] = [];
    for (const { key, when } of conditions) if (!this.#holds(this.#data.table.get(key), when)) failed.push(key);
    return failed;
  }

  #holds(slot: Slot | undefined, when: When): boolean {
    if (when === "always") return true;
    if (when === "absent") return slot === undefined;
    return slot !== undefined && this.#data.versions.isText(when.version, slot.version);
  }

  #current(key: string): Entry | undefined {
    const slot = this.#data.read(key);
    return slot && this.#data.entry(key, slot);
  }

  /** Opens and closes follow each other, in the order of the calls. */
  #turn(work: () => Promise<void>): Promise<void> {
    const turn = this.#state.then(work);
    this.#state = turn.catch(() => undefined);
    return turn;
  }
}
