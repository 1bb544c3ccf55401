import { createStore, type Store } from "@orbit/persistence";
import type { Change, Resync, StoreDriver } from "@orbit/persistence/driver";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { redis, type RedisOptions } from "../src/index.ts";
import { hasRedis, type Server, startCluster, startServer } from "./support/server.ts";

type Item = readonly Change[] | Resync;

/** Reads a stream item by item. */
function reader(stream: AsyncIterable<Item>): {
  next(): Promise<Item>;
  changes(count: number): Promise<Change[]>;
  end(): Promise<unknown>;
} {
  const items = stream[Symbol.asyncIterator]();
  const next = async (): Promise<Item> => {
    const { done, value } = await items.next();
    if (done === true) throw new Error("the stream ended");
    return value;
  };
  const changes = async (count: number): Promise<Change[]> => {
    const found: Change[] = [];
    while (found.length < count) {
      const item = await next();
      if (!Array.isArray(item)) throw new Error("a resync came");
      found.push(...(item as readonly Change[]));
    }
    return found;
  };
  return { next, changes, end: async () => items.return?.() };
}

const shown = (changes: readonly Change[]): string[] =>
  changes.map((change) =>
    change.type === "put" ? `${change.entry.key}=${String(change.entry.value)}` : `${change.key} gone`,
  );

const topologies: readonly [string, () => Promise<{ readonly url: string } & AsyncDisposable>][] = [
  ["one server", () => startServer()],
  ["a cluster", () => startCluster(3, 0)],
];

describe.skipIf(!hasRedis).each(topologies)("on %s", (_, start) => {
  let servers: Awaited<ReturnType<typeof start>>;
  const open = async (options: Partial<RedisOptions> = {}): Promise<StoreDriver & AsyncDisposable> => {
    const driver = redis({ url: servers.url, ...options });
    await driver.open();
    return Object.assign(driver, { [Symbol.asyncDispose]: () => driver.close() });
  };
  const put = (driver: StoreDriver, key: string, value: string, ttlMs?: number): Promise<unknown> =>
    driver.put(key, Buffer.from(value), "always", ttlMs === undefined ? {} : { ttlMs });

  beforeAll(async () => {
    servers = await start();
  });
  afterAll(() => servers[Symbol.asyncDispose]());

  test("a stream opens with a resync and shows what others write and delete, in order and within its prefix", async () => {
    await using one = await open({ prefix: "shows" });
    await using two = await open({ prefix: "shows" });
    await put(one, "a-data-before", "0");
    const stream = reader(one.watch!({ prefix: "a-data-" }));
    expect(await stream.next()).toMatchObject({ type: "resync" });
    for (const value of ["1", "2", "3"]) await put(two, "a-data-x", value);
    await put(two, "b-data-x", "other");
    await two.delete("a-data-x", "always");
    expect(shown(await stream.changes(4))).toEqual(["a-data-x=1", "a-data-x=2", "a-data-x=3", "a-data-x gone"]);
    await stream.end();
  });

  test("any cursor resumes without a gap or a double, through another driver", async () => {
    await using one = await open({ prefix: "resumes" });
    await using two = await open({ prefix: "resumes" });
    const stream = reader(one.watch!({ prefix: "" }));
    await stream.next();
    const keys = Array.from({ length: 40 }, (__, at) => `a-data-k${at % 7}`);
    for (const [at, key] of keys.entries()) await put(two, key, String(at));
    const all = await stream.changes(keys.length);
    await stream.end();
    for (const at of [0, 13, 38]) {
      const rest = reader(two.watch!({ prefix: "", from: all[at]!.cursor }));
      const found = await rest.changes(keys.length - at - 1);
      await rest.end();
      const seen = shown(all.slice(0, at + 1));
      expect([...seen, ...shown(found)].toSorted()).toEqual(keys.map((key, index) => `${key}=${index}`).toSorted());
    }
  });

  test("a value too large for the stream is shown too", async () => {
    await using one = await open({ prefix: "large" });
    const stream = reader(one.watch!({ prefix: "" }));
    await stream.next();
    const large = "x".repeat(100_000);
    await put(one, "a-data-x", large);
    expect(shown(await stream.changes(1))).toEqual([`a-data-x=${large}`]);
    await stream.end();
  });

  test("what expires is shown as gone, though nobody touches it", async () => {
    await using one = await open({ prefix: "expires" });
    const stream = reader(one.watch!({ prefix: "" }));
    await stream.next();
    await put(one, "a-data-x", "1", 300);
    expect(shown(await stream.changes(2))).toEqual(["a-data-x=1", "a-data-x gone"]);
    await put(one, "a-data-y", "1", 300);
    await put(one, "a-data-y", "2");
    await put(one, "a-data-z", "1", 400);
    expect(shown(await stream.changes(4))).toEqual(["a-data-y=1", "a-data-y=2", "a-data-z=1", "a-data-z gone"]);
    await stream.end();
  });

  test("a position that was dropped, and one of another store, begin with a resync", async () => {
    await using one = await open({ prefix: "dropped", buckets: 2 });
    const stream = reader(one.watch!({ prefix: "" }));
    const first = await stream.next();
    await stream.end();
    const cursor = "cursor" in first ? first.cursor : undefined!;
    for (let round = 0; round < 20; round += 1) {
      await one.write!(
        Array.from({ length: 100 }, (__, at) => ({
          type: "put",
          key: `a-data-${at}`,
          value: Buffer.from("v"),
          when: "always",
        })),
      );
    }
    const late = reader(one.watch!({ prefix: "", from: cursor }));
    expect(await late.next()).toMatchObject({ type: "resync" });
    await put(one, "a-data-x", "after");
    expect(shown(await late.changes(1))).toEqual(["a-data-x=after"]);
    await late.end();
    for (const foreign of ["n.3", "x", "n.2;0:banana"]) {
      const other = reader(one.watch!({ prefix: "", from: foreign as typeof cursor }));
      expect(await other.next()).toMatchObject({ type: "resync" });
      await other.end();
    }
  });

  test("a signal ends a quiet stream at once, and so does closing", async () => {
    await using one = await open({ prefix: "quiet" });
    const stop = new AbortController();
    const stream = reader(one.watch!({ prefix: "" }, { signal: stop.signal }));
    await stream.next();
    const waiting = stream.next();
    stop.abort();
    await expect(waiting).rejects.toMatchObject({ code: "ABORTED" });
    const closed = reader(one.watch!({ prefix: "" }));
    await closed.next();
    const [ending] = await Promise.allSettled([closed.next(), one.close()]);
    expect(ending).toMatchObject({ status: "rejected", reason: { code: "CLOSED" } });
  });

  test("the view of a membership follows", async () => {
    await using store: Store = await createStore(redis({ url: servers.url, prefix: "view" }));
    const items = store.watch({ prefix: "" })[Symbol.asyncIterator]();
    await items.next();
    await store.put("k", Buffer.from("v"), "absent");
    expect((await items.next()).value).toMatchObject([{ type: "put", entry: { key: "k" } }]);
    await items.return?.();
  });
});

describe.skipIf(!hasRedis)("when the server falls", () => {
  const follow = async (server: Server, fall: () => Promise<void>): Promise<Item> => {
    const driver = redis({ url: server.url, buckets: 2 });
    await driver.open();
    const stream = reader(driver.watch!({ prefix: "" }));
    await stream.next();
    await driver.put("a-data-x", Buffer.from("1"), "always");
    await stream.next();
    await fall();
    const write = driver.put("a-data-x", Buffer.from("2"), "always");
    const item = await stream.next();
    await write;
    await stream.end();
    await driver.close();
    return item;
  };

  test("a stream goes on over a restart that lost nothing", async () => {
    await using server = await startServer({ settings: ["appendonly yes", "appendfsync always"] });
    const item = await follow(server, async () => {
      await server.kill();
      await server.restart();
    });
    expect(Array.isArray(item) ? shown(item as readonly Change[]) : item).toEqual(["a-data-x=2"]);
  });

  test("a restart that lost changes is told by a resync", async () => {
    await using server = await startServer();
    const item = await follow(server, async () => {
      await server.kill();
      await server.restart();
    });
    expect(item).toMatchObject({ type: "resync" });
  });
});
