import { createStore, StoreError } from "@orbit/persistence";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { redis, type RedisOptions, type RedisRuntime } from "../src/index.ts";
import { freePort, type Server, type Servers, startCluster, startServer, until } from "./support/server.ts";
import { hasRedis } from "./support/server.ts";

/** Opens and closes; gives the error, and how long it took. */
async function opening(
  options: Partial<RedisOptions>,
  runtime?: RedisRuntime,
): Promise<{ error: StoreError; ms: number }> {
  const start = performance.now();
  const driver = redis({ connectionTimeoutMs: 3_000, ...options }, runtime);
  try {
    await driver.open();
  } catch (error) {
    if (StoreError.is(error)) return { error, ms: performance.now() - start };
    throw error;
  } finally {
    await driver.close();
  }
  throw new Error("it opened");
}

describe.skipIf(!hasRedis)("opening", () => {
  let server: Server;
  beforeAll(async () => {
    server = await startServer({ password: "right" });
  });
  afterAll(() => server[Symbol.asyncDispose]());

  const refused = async (options: Partial<RedisOptions>, code: string, reason: RegExp): Promise<void> => {
    const { error, ms } = await opening(options);
    expect({ code: error.code, reason: error.reason }).toEqual({ code, reason: expect.stringMatching(reason) });
    expect(ms).toBeLessThan(10_000);
  };

  test("with the right password works, again and again, and closes twice", async () => {
    for (let round = 0; round < 2; round += 1) {
      const store = await createStore(redis({ url: server.url, password: "right" }));
      await store.close();
      await store.close();
    }
  });

  test("with a wrong password", () =>
    refused({ url: server.url, password: "wrong" }, "DENIED", /wrong user or password/));
  test("without a password", () => refused({ url: server.url }, "DENIED", /asks for a password/));
  test("of an unreachable server", async () =>
    refused({ url: `redis://127.0.0.1:${await freePort()}` }, "UNAVAILABLE", /no server answers/));
  test("of an unreachable cluster", async () =>
    refused(
      { url: `redis://127.0.0.1:${await freePort()},127.0.0.1:${await freePort()}` },
      "UNAVAILABLE",
      /no server/,
    ));
  test("of unreachable Sentinels", async () =>
    refused({ url: `redis+sentinel://127.0.0.1:${await freePort()}/m` }, "UNAVAILABLE", /./));
  test("of a host name that nobody knows", () =>
    refused({ url: "redis://nowhere.invalid" }, "UNAVAILABLE", /host name/));
  test("of a server that does not answer", async () => {
    await using hung = await startServer();
    hung.pause();
    await refused({ url: hung.url }, "UNAVAILABLE", /./);
  });
  test("with TLS of a server that speaks none", () =>
    refused({ url: server.url.replace("redis:", "rediss:"), password: "right" }, "UNAVAILABLE", /may speak no TLS/));
  test("of a single server as a cluster", () =>
    refused({ url: server.url, password: "right", clusterMode: true }, "INVALID_CONFIG", /cluster_mode = false/));
  test("of a database that is not there", () =>
    refused({ url: server.url, password: "right", database: 99 }, "INVALID_CONFIG", /no such database/));

  test("with another number of buckets", async () => {
    const options = { url: server.url, password: "right", prefix: "counted" };
    await (await createStore(redis({ ...options, buckets: 16 }))).close();
    await refused({ ...options, buckets: 32 }, "INVALID_CONFIG", /over 16 buckets: set buckets = 16/);
  });

  test("under a prefix that holds something else", async () => {
    const admin = server.admin();
    await admin.set("foreign", "something");
    admin.disconnect();
    await refused({ url: server.url, password: "right", prefix: "foreign" }, "CORRUPT", /choose another prefix/);
  });

  test("of a server that may evict", async () => {
    await using evicting = await startServer({ settings: ["maxmemory-policy allkeys-lru"] });
    await refused({ url: evicting.url }, "UNSUPPORTED", /allkeys-lru.*noeviction/);
  });

  test("of a replica names the primary", async () => {
    await using primary = await startServer();
    await using replica = await startServer({ settings: [`replicaof 127.0.0.1 ${primary.port}`] });
    await refused({ url: replica.url }, "INVALID_CONFIG", new RegExp(`primary, which is 127.0.0.1:${primary.port}`));
  });

  test("like a client of the application's", async () => {
    const client = new Redis({ port: server.port, password: "right", lazyConnect: true });
    await using store = await createStore(redis({ prefix: "lent" }, { client }));
    expect(await store.put("a", Buffer.from("b"), "absent")).toMatchObject({ ok: true });
    expect(client.status).toBe("wait");
  });
});

describe.skipIf(!hasRedis)("what a server's settings promise", () => {
  test.each([
    [["appendonly yes", "appendfsync always"], "linearizable", "disk", "total"],
    [
      ["appendonly yes", "appendfsync always", "no-appendfsync-on-rewrite yes"],
      "leader-async",
      "async",
      "until-failover",
    ],
    [["appendonly yes", "appendfsync everysec"], "leader-async", "async", "until-failover"],
    [["save 60 1"], "leader-async", "async", "until-failover"],
    [[], "leader-async", "none", "until-failover"],
  ])("%o: %s, %s, %s", async (settings, consistency, durability, fencing) => {
    await using server = await startServer({ settings });
    await using store = await createStore(redis({ url: server.url }));
    expect(store.capabilities).toMatchObject({ consistency, durability, fencing });
  });

  test("a replica that comes later makes health degraded", async () => {
    await using server = await startServer({ settings: ["appendonly yes", "appendfsync always"] });
    await using store = await createStore(redis({ url: server.url }));
    expect(await store.health()).toMatchObject({ status: "healthy" });
    await using _ = await startServer({ settings: [`replicaof 127.0.0.1 ${server.port}`] });
    await until(async () => (await store.health()).status === "degraded");
    expect((await store.health()).cause).toMatch(/replica was added/);
  });
});

describe.skipIf(!hasRedis)("a cluster", () => {
  let cluster: Servers;
  beforeAll(async () => {
    cluster = await startCluster(3, 0);
  });
  afterAll(() => cluster[Symbol.asyncDispose]());

  test("is refused as a single server", async () => {
    const { error } = await opening({ url: cluster.servers[0]?.url ?? "" });
    expect(error).toMatchObject({ code: "INVALID_CONFIG", reason: expect.stringMatching(/cluster_mode = true/) });
  });

  test("opens through any one of its servers", async () => {
    await using store = await createStore(redis({ url: cluster.servers[1]?.url ?? "", clusterMode: true }));
    expect(store.capabilities).toMatchObject({ consistency: "leader-async", durability: "async" });
  });
});
