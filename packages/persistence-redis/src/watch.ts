import { type Change, type Cursor, type Resync, StoreError, type Watch } from "@orbit/persistence/driver";

import type { Connection, RedisClient, Reply } from "./client.ts";
import type { ServerClock } from "./clock.ts";
import type { Connector } from "./connect.ts";
import { encodePositions, parsePositions } from "./cursor.ts";
import type { Layout } from "./keys.ts";
import { sweepExpired } from "./scripts.ts";
import { toEntry, versionOf } from "./values.ts";

export interface WatchInit {
  readonly connector: Connector;
  readonly layout: Layout;
  readonly clustered: boolean;
  readonly clock: ServerClock;
  readonly commandTimeoutMs: number;
  readonly range: Watch;
  readonly signal: AbortSignal | undefined;
  /** Fires when the driver closes. */
  readonly closing: AbortSignal;
}

/** How many changes are read of a bucket at once. */
const BATCH = 128;
/** How long a blocking read waits at most, so that a dead connection is noticed. */
const MAX_BLOCK_MS = 2_000;
/** A cluster has no read that blocks on several slots: its streams are looked at so often. */
const POLL_MS = 100;

interface Logged {
  readonly bucket: number;
  readonly id: string;
  readonly fields: ReadonlyMap<string, Buffer>;
}

type Item = readonly Change[] | Resync;

/**
 * Follows the change streams of all buckets on a connection of its own. Its consumer sets the pace: nothing is read
 * before it asks. Where a stream no longer holds what follows the position, or has been put back by a failover, the
 * consumer is told to read its range anew.
 */
export async function* watchStreams(init: WatchInit): AsyncGenerator<Item, void, undefined> {
  const stop = AbortSignal.any([init.closing, ...(init.signal === undefined ? [] : [init.signal])]);
  const connection = init.connector.connect();
  const end = (): void => connection.close();
  stop.addEventListener("abort", end, { once: true });
  const follower = new Follower(init, connection);
  try {
    for (;;) {
      if (stop.aborted) throw ended(init);
      let item: Item | undefined;
      try {
        item = await follower.next(stop);
      } catch (error) {
        if (stop.aborted) throw ended(init);
        throw error;
      }
      if (item !== undefined) yield item;
    }
  } finally {
    stop.removeEventListener("abort", end);
    connection.close();
  }
}

function ended({ closing, signal }: WatchInit): StoreError {
  return closing.aborted
    ? new StoreError("CLOSED", "the store was closed while it was watched")
    : new StoreError("ABORTED", "the caller's signal was aborted", { cause: signal?.reason });
}

class Follower {
  readonly #init: WatchInit;
  readonly #client: RedisClient;
  readonly #buckets: readonly number[];
  /** The last entry seen of each bucket's stream; empty where there was none. `undefined`: to begin anew. */
  #seen: string[] | undefined;
  /** When the next key of a bucket expires, in the server's milliseconds. */
  readonly #due: number[] = [];
  #checked = false;

  constructor(init: WatchInit, connection: Connection) {
    this.#init = init;
    this.#client = connection;
    this.#buckets = Array.from({ length: init.layout.buckets }, (_, bucket) => bucket);
    this.#seen = init.range.from === undefined ? undefined : parsePositions(init.range.from, init.layout.buckets);
  }

  /** Waits for changes; `undefined` where none came for a while, or none in the range. */
  async next(stop: AbortSignal): Promise<Item | undefined> {
    try {
      if (!this.#checked && !(await this.#begin())) return await this.#resync();
      await this.#sweepDue();
      const logged = await this.#read(stop);
      return logged.length === 0 ? undefined : await this.#changes(logged);
    } catch (error) {
      if (!StoreError.is(error) || !error.retryable || stop.aborted) throw error;
      // The connection broke, perhaps by a failover: the positions are looked at again.
      this.#checked = false;
      await pause(POLL_MS, stop);
      return undefined;
    }
  }

  /** Looks at every bucket. False where the position is not, or no longer, one of these streams. */
  async #begin(): Promise<boolean> {
    const { layout } = this.#init;
    const [tails] = await Promise.all([this.#tails(), Promise.all(this.#buckets.map((bucket) => this.#sweep(bucket)))]);
    void layout;
    this.#checked = true;
    const seen = this.#seen;
    return seen !== undefined && tails.every((tail, bucket) => compareIds(tail, seen[bucket] ?? "") >= 0);
  }

  async #resync(): Promise<Resync> {
    this.#seen = await this.#tails();
    return { type: "resync", cursor: encodePositions(this.#seen) };
  }

  #tails(): Promise<string[]> {
    return Promise.all(
      this.#buckets.map(async (bucket) => {
        const reply = await this.#client.read("xrevrange", [this.#init.layout.log(bucket), "+", "-", "COUNT", "1"]);
        return String((reply as readonly (readonly Reply[])[])[0]?.[0] ?? "");
      }),
    );
  }

  async #read(stop: AbortSignal): Promise<readonly Logged[]> {
    const { clustered } = this.#init;
    if (!clustered) return this.#readStreams(this.#buckets, ["BLOCK", String(this.#blockMs())]);
    const found = await Promise.all(this.#buckets.map((bucket) => this.#readStreams([bucket], [])));
    if (found.every((each) => each.length === 0)) await pause(POLL_MS, stop);
    return found.flat();
  }

  async #readStreams(buckets: readonly number[], block: readonly string[]): Promise<readonly Logged[]> {
    const { layout } = this.#init;
    const streams = buckets.map((bucket) => layout.log(bucket));
    const positions = buckets.map((bucket) => this.#seen?.[bucket] || "0-0");
    const reply = await this.#client.read("xread", [
      "COUNT",
      String(BATCH),
      ...block,
      "STREAMS",
      ...streams,
      ...positions,
    ]);
    if (reply === null) return [];
    const bucketOf = new Map(streams.map((stream, at) => [stream, buckets[at] ?? 0]));
    return (reply as readonly [Buffer, readonly [Buffer, readonly Buffer[]][]][]).flatMap(([stream, entries]) =>
      entries.map(([id, pairs]) => ({
        bucket: bucketOf.get(String(stream)) ?? 0,
        id: String(id),
        fields: toFields(pairs),
      })),
    );
  }

  async #changes(logged: readonly Logged[]): Promise<Item | undefined> {
    const seen = (this.#seen ??= []);
    const { prefix } = this.#init.range;
    const base = encodePositions(seen);
    let moved = "";
    const changes: Change[] = [];
    for (const { bucket, id, fields } of logged) {
      if (String(fields.get("after")) !== (seen[bucket] ?? "")) {
        this.#checked = false;
        this.#seen = undefined;
        // What was found before the gap is told by reading the range anew.
        return undefined;
      }
      seen[bucket] = id;
      const due = fields.get("until");
      if (due !== undefined)
        this.#due[bucket] = Math.min(this.#due[bucket] ?? Number.POSITIVE_INFINITY, Number(String(due)));
      moved += `;${bucket.toString(36)}:${id}`;
      const cursor = (base + moved) as Cursor;
      const change = await this.#change(fields, prefix, cursor);
      if (change !== undefined) changes.push(change);
    }
    return changes.length === 0 ? undefined : changes;
  }

  async #change(fields: Logged["fields"], prefix: string, cursor: Cursor): Promise<Change | undefined> {
    const gone = fields.get("delete");
    const key = String(gone ?? fields.get("put"));
    if (!key.startsWith(prefix)) return undefined;
    if (gone !== undefined) return { type: "delete", key, cursor };
    const value = fields.get("value") ?? (await this.#large(key, fields.get("version")));
    const entry = toEntry(key, value);
    return entry === undefined ? undefined : { type: "put", entry, cursor };
  }

  /** A large value does not stand in the stream. One that was replaced meanwhile is told by a later change. */
  async #large(key: string, version: Buffer | undefined): Promise<Reply> {
    const stored = await this.#client.read("get", [this.#init.layout.value(key)]);
    return Buffer.isBuffer(stored) && versionOf(stored) === String(version) ? stored : null;
  }

  async #sweepDue(): Promise<void> {
    const now = this.#serverMs();
    await Promise.all(
      this.#buckets.filter((bucket) => (this.#due[bucket] ?? now) < now).map((bucket) => this.#sweep(bucket)),
    );
  }

  async #sweep(bucket: number): Promise<void> {
    const { layout, clock } = this.#init;
    const keys = [layout.index(bucket), layout.log(bucket), layout.expiry(bucket)];
    const [micros, next] = (await this.#client.run(sweepExpired, keys, [])) as readonly number[];
    clock.tell(micros);
    this.#due[bucket] = next === undefined || next < 0 ? Number.POSITIVE_INFINITY : next;
  }

  #blockMs(): number {
    const next = this.#due.reduce((least, due) => Math.min(least, due), Number.POSITIVE_INFINITY) - this.#serverMs();
    const most = Math.min(MAX_BLOCK_MS, this.#init.commandTimeoutMs / 2);
    return Math.ceil(Math.max(1, Math.min(most, next + 1)));
  }

  #serverMs(): number {
    return Number(this.#init.clock.micros() ?? 0n) / 1000;
  }
}

function toFields(pairs: readonly Buffer[]): ReadonlyMap<string, Buffer> {
  const fields = new Map<string, Buffer>();
  for (let at = 0; at + 1 < pairs.length; at += 2) fields.set(String(pairs[at]), pairs[at + 1]!);
  return fields;
}

/** Compares ids of a stream, `milliseconds-number`; the empty one is below all. */
function compareIds(a: string, b: string): number {
  const [[ma = 0, na = 0], [mb = 0, nb = 0]] = [a.split("-").map(Number), b.split("-").map(Number)];
  return ma - mb || na - nb;
}

/** Waits, or less where the signal fires. */
function pause(ms: number, stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      stop.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    stop.addEventListener("abort", done, { once: true });
  });
}
