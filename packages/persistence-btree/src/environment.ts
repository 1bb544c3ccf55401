import { type Entry, type Random, StoreError } from "@orbit/persistence/driver";

import { checkDataFile } from "./data-file.ts";
import { rawRecords, toEntry, VersionSource } from "./entries.ts";
import { commitCause, toStoreError } from "./errors.ts";
import { checkRoom, type Directory, diskSpace, MIN_FREE_BYTES, syncDirectories } from "./files.ts";
import type { LmdbRoot, LmdbTable, OpenLmdb } from "./lmdb.ts";
import { claim, type Claim, heldState, inspect, release, writeState } from "./owner.ts";
import { Space } from "./space.ts";
import { Writer } from "./writer.ts";

/** What the environment takes from outside, so that a test can own it. */
export interface EnvironmentRuntime {
  /** Monotonic milliseconds, the same in every thread of the host. */
  readonly now: () => number;
  readonly random: Random;
}

interface Job {
  /** Runs inside the write transaction and returns the answer. Throws only before it has written. */
  readonly run: (writer: Writer) => unknown;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: StoreError) => void;
}

export interface PageRange {
  readonly prefix: string;
  readonly start: string;
  /** Leaves `start` itself out. */
  readonly exclusiveStart: boolean;
  readonly limit: number;
  readonly keysOnly: boolean;
}

export interface Page {
  readonly entries: readonly Entry[];
  /** Nothing of the range follows. */
  readonly last: boolean;
}

const TABLE = "data";
/** Bounds how long one transaction keeps the event loop. */
const MAX_JOBS_A_BATCH = 4096;
const MAX_PAGE_BYTES = 1024 * 1024;
/** Writes that were begun and that are over, in memory shared by all threads. */
const BEGUN = 0;
const OVER = 1;

/** One LMDB environment: what all drivers of this thread over one directory share. */
export class Environment {
  readonly path: string;
  readonly mapSize: number;
  readonly #openLmdb: OpenLmdb;
  readonly #runtime: EnvironmentRuntime;
  readonly #versions: VersionSource;
  readonly #claim: Claim;
  #root: LmdbRoot;
  #table: LmdbTable<Buffer>;
  #commits: Int32Array;
  /** The number of commits that the present read snapshot includes; -1 when it may miss one. */
  #seen = -1;
  #queue: Job[] = [];
  #pumping = false;
  #reopening: Promise<void> | undefined;
  /** Why nothing works any more. */
  #ended: StoreError | undefined;

  /** Opens and claims a directory. Throws what the README lists under errors at open, and then holds nothing. */
  static async open(
    directory: Directory,
    mapSize: number,
    openLmdb: OpenLmdb,
    runtime: EnvironmentRuntime,
  ): Promise<Environment> {
    const { path, toSync } = directory;
    if (await checkDataFile(path)) await lookFirst(path, openLmdb);
    else checkRoom(path);
    const root = openLmdb(path, { mapSize });
    let claimed: Claim | undefined;
    try {
      claimed = await root.transaction(() =>
        claim(root, path, runtime.now(), () => runtime.random.fill(new Uint8Array(16))),
      );
      const environment = new Environment(path, mapSize, openLmdb, runtime, root, claimed);
      await syncDirectories(toSync);
      return environment;
    } catch (cause) {
      if (claimed !== undefined) await giveUp(root);
      await root.close();
      throw toStoreError(await commitCause(cause));
    }
  }

  private constructor(
    path: string,
    mapSize: number,
    openLmdb: OpenLmdb,
    runtime: EnvironmentRuntime,
    root: LmdbRoot,
    claimed: Claim,
  ) {
    this.path = path;
    this.mapSize = mapSize;
    this.#openLmdb = openLmdb;
    this.#runtime = runtime;
    this.#versions = new VersionSource(runtime.random);
    this.#claim = claimed;
    ({ root: this.#root, table: this.#table, commits: this.#commits } = attach(root));
  }

  /**
   * The store's clock, in milliseconds. It runs only while the store is open and starts from the last commit, which
   * keeps it: so it never runs ahead of real time, goes on after a restart, ignores steps of the wall clock, and a
   * time in which nobody could renew a lease makes no lease older. After a crash it falls back by the time since the
   * last commit, which can only make ages smaller.
   */
  storeMs(): number {
    const { storeMs, hostMs } = this.#claim.anchor;
    return storeMs + Math.max(0, this.#runtime.now() - hostMs);
  }

  now(): number {
    return this.#runtime.now();
  }

  /** Waits while the environment is opened anew after a failed commit; throws when it is closed or lost. */
  get ready(): Promise<void> | undefined {
    if (this.#reopening === undefined && this.#ended !== undefined) throw this.#ended;
    return this.#reopening;
  }

  get(key: string): Entry | undefined {
    this.#refresh();
    const record = this.#table.get(key);
    return record && toEntry(key, record, this.storeMs());
  }

  /** Reads one page in byte order. No snapshot outlives the call: an open one would keep freed pages from reuse. */
  page(range: PageRange): Page {
    this.#refresh();
    const storeMs = this.storeMs();
    const { prefix, keysOnly, ...lmdbRange } = range;
    const entries: Entry[] = [];
    let bytes = 0;
    for (const { key, value: record } of this.#table.getRange(lmdbRange)) {
      if (!key.startsWith(prefix)) return { entries, last: true };
      const entry = toEntry(key, record, storeMs, keysOnly);
      entries.push(entry);
      bytes += key.length + entry.value.length;
      if (bytes >= MAX_PAGE_BYTES) return { entries, last: false };
    }
    return { entries, last: entries.length < range.limit };
  }

  /** Counts what is stored, by reads of the database. */
  count(): { readonly entries: number; readonly bytes: number } {
    this.#refresh();
    const { used } = heldState(this.#root, this.#claim, this.path);
    return { entries: this.#table.getStats().entryCount, bytes: used };
  }

  /**
   * Runs `run` inside a write transaction and resolves with its result once that is on the disk. Whatever is submitted
   * until the transaction starts shares it, so that many writers share one flush.
   */
  submit<T>(run: (writer: Writer) => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      // It is resolved with what `run` returns.
      this.#queue.push({ run, resolve: resolve as Job["resolve"], reject });
      if (!this.#pumping) void this.#pump();
    });
  }

  /** Resolves when every write submitted before is settled. */
  flush(): Promise<void> {
    return this.submit(() => undefined);
  }

  /** Waits for the writes under way, gives the directory up and closes it. */
  async close(): Promise<void> {
    try {
      await this.submit((writer) => {
        release(this.#root);
        writer.touch();
      });
    } catch (error) {
      // On a full disk or after a takeover the record stays. It names this process, so it is void once this one ends.
      if (!StoreError.is(error)) throw error;
    }
    this.#ended ??= new StoreError("CLOSED", "the store is closed");
    await this.#root.close();
  }

  async #pump(): Promise<void> {
    this.#pumping = true;
    while (this.#queue.length > 0) await this.#writeBatch();
    this.#pumping = false;
  }

  /** One transaction. Never throws: each job gets its answer. */
  async #writeBatch(): Promise<void> {
    let batch: Job[] = [];
    let answers: unknown[] = [];
    let writer: Writer | undefined;
    let thrown: unknown;
    const work = (): void => {
      batch = this.#queue.splice(0, MAX_JOBS_A_BATCH);
      Atomics.add(this.#commits, BEGUN, 1);
      try {
        const { used, holder } = heldState(this.#root, this.#claim, this.path);
        const storeMs = this.storeMs();
        const space = new Space(used, this.mapSize);
        const current = new Writer({ table: this.#table, versions: this.#versions, space, storeMs });
        writer = current;
        answers = batch.map((job) => runJob(job, current));
        // The clock goes with the data: it costs no flush of its own and never falls behind what it has dated.
        if (current.changed) writeState(this.#root, { storeMs, used: space.used, holder });
      } catch (cause) {
        thrown = cause;
      }
    };
    let failure: unknown;
    try {
      if (this.#ended !== undefined) throw this.#ended;
      await this.#root.transaction(work);
    } catch (cause) {
      failure = cause;
    }
    if (batch.length > 0) Atomics.add(this.#commits, OVER, 1);
    else batch = this.#queue.splice(0);
    const failed =
      failure !== undefined || thrown !== undefined
        ? await this.#explain(failure, thrown, writer?.changed === true)
        : undefined;
    batch.forEach((job, index) => {
      const answer = failed ?? answers[index];
      if (StoreError.is(answer)) job.reject(answer);
      else job.resolve(answer);
    });
  }

  /** Finds what made a transaction fail, tells whether its writes may stand, and brings the environment back. */
  async #explain(failure: unknown, thrown: unknown, changed: boolean): Promise<StoreError> {
    if (StoreError.is(failure)) return failure;
    if (StoreError.is(thrown)) {
      if (thrown.code === "CONFLICT") this.#ended = thrown;
      return thrown;
    }
    const cause = thrown ?? (await commitCause(failure));
    // What failed inside the transaction was committed up to there, unless the commit failed too.
    const error = toStoreError(cause, failure === undefined && changed ? "unknown" : "none");
    await this.#reopen();
    return error.code === "UNAVAILABLE" ? this.#diskError(error) : error;
  }

  /**
   * LMDB reports a write that was cut short as a failure of the disk, also when the disk is just full. Only a failure
   * that is none of space can have hit the page that makes a commit visible.
   */
  #diskError(error: StoreError): StoreError {
    const { code, reason, cause } = error;
    if (diskSpace(this.path).freeBytes < MIN_FREE_BYTES)
      return toStoreError(Object.assign(new Error(), { code: "ENOSPC", cause }));
    return new StoreError(code, reason, { cause, outcome: "unknown" });
  }

  /**
   * Opens LMDB anew after a failed commit. What it holds in memory about free pages is not to be trusted then, and had
   * the page that makes a commit visible failed, it would refuse all further work without an answer.
   */
  async #reopen(): Promise<void> {
    const reopen = async (): Promise<void> => {
      try {
        await this.#root.close();
        const root = this.#openLmdb(this.path, { mapSize: this.mapSize });
        ({ root: this.#root, table: this.#table, commits: this.#commits } = attach(root));
        this.#seen = -1;
      } catch (cause) {
        const mend = "mend the disk, then restart this process";
        this.#ended = new StoreError(
          "UNAVAILABLE",
          `the data directory can't be opened anew after a failed write: ${mend}`,
          { cause },
        );
      }
    };
    this.#reopening = reopen();
    await this.#reopening;
    this.#reopening = undefined;
  }

  /** Drops the read snapshot unless it is known to include every commit that anybody can have seen. */
  #refresh(): void {
    const over = Atomics.load(this.#commits, OVER);
    const begun = Atomics.load(this.#commits, BEGUN);
    if (begun === over && begun === this.#seen) return;
    this.#root.resetReadTxn();
    this.#seen = begun === over ? begun : -1;
  }
}

/**
 * Looks at a database without writing to it or waiting for its write lock: another process may hold that for ever,
 * and a database that is damaged or not ours is left as it is.
 */
async function lookFirst(path: string, openLmdb: OpenLmdb): Promise<void> {
  const root = openLmdb(path, { readOnly: true });
  try {
    inspect(root, path);
  } catch (cause) {
    throw toStoreError(cause);
  } finally {
    await root.close();
  }
}

async function giveUp(root: LmdbRoot): Promise<void> {
  try {
    await root.transaction(() => release(root));
  } catch {
    // What made opening fail stands in the way of this too. The record names this process: it is void once this ends.
  }
}

/** The job's own refusal, made before it wrote, is its answer. Anything else is LMDB's and concerns them all. */
function runJob(job: Job, writer: Writer): unknown {
  try {
    return job.run(writer);
  } catch (error) {
    if (StoreError.is(error)) return error;
    throw error;
  }
}

function attach(root: LmdbRoot): { root: LmdbRoot; table: LmdbTable<Buffer>; commits: Int32Array } {
  const table = root.openDB({ name: TABLE, encoder: rawRecords });
  // The first read takes a reader slot, and with it the file lock by which other containers see that this process lives.
  table.get("\0");
  return { root, table, commits: new Int32Array(root.getUserSharedBuffer("orbit-commits", new ArrayBuffer(8))) };
}
