// What an operation costs on the wire. These are counts, so that they hold on any machine.
import { createStore, directory, guarded, membership, type Store, stringKey } from "@orbit/persistence";
import type { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { redis } from "../src/index.ts";
import { type Proxy, startProxy } from "./support/proxy.ts";
import { hasRedis, type Server, startServer } from "./support/server.ts";

describe.skipIf(!hasRedis)("on one server", () => {
  let server: Server;
  let proxy: Proxy;
  let admin: Redis;
  let store: Store;
  beforeAll(async () => {
    server = await startServer();
    proxy = await startProxy(server.port);
    admin = server.admin();
    await admin.ping();
    store = await createStore(redis({ url: proxy.url }));
  });
  afterAll(async () => {
    await store.close();
    admin.disconnect();
    await proxy[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  /** The commands that work sent, by name, and its bytes. Those inside a script do not count. */
  const cost = async (
    work: () => Promise<unknown>,
  ): Promise<{ commands: string[]; sent: number; received: number }> => {
    const commands: string[] = [];
    const monitor = await admin.monitor();
    monitor.on("monitor", (_time: string, args: readonly string[], source: string) => {
      if (source !== "lua") commands.push(String(args[0]).toLowerCase());
    });
    proxy.reset();
    await work();
    const { sent, received } = proxy;
    await admin.echo("end");
    while (commands.at(-1) !== "echo") await new Promise((resolve) => setTimeout(resolve, 5));
    monitor.disconnect();
    return { commands: commands.slice(0, -1), sent, received };
  };

  test("leases and nodes", async () => {
    const nodes = membership(store, { allowWeak: true });
    const actors = directory(store, { membership: nodes, allowWeak: true });
    const node = await nodes.join({ id: "n1", url: "http://10.0.0.1:1" }, { heartbeat: false });
    const reference = (at: number): { type: string; key: ReturnType<typeof stringKey> } => ({
      type: "Account",
      key: stringKey(`k${at}`),
    });
    const first = await actors.acquire(reference(0), node);
    if (!first.ok) throw new Error("refused");
    await actors.lookup(reference(0));

    const lookup = await cost(() => actors.lookup(reference(0)));
    expect(lookup.commands).toEqual(["get"]);
    expect(lookup.sent).toBeLessThanOrEqual(70);

    const many = await cost(() => Promise.all(Array.from({ length: 64 }, (_, at) => actors.lookup(reference(at)))));
    expect(many.commands).toEqual(["mget"]);
    // Fewer bytes than so many GETs.
    expect(many.sent).toBeLessThan(64 * lookup.sent);

    const acquire = await cost(() => actors.acquire(reference(100), node));
    expect(acquire.commands).toEqual(["evalsha"]);
    expect([acquire.sent, acquire.received]).toEqual([expect.closeTo(355, -2), 19]);

    await actors.acquireMany(
      Array.from({ length: 50 }, (_, at) => reference(200 + at)),
      node,
    );
    const renewal = await cost(() => node.renew());
    expect(renewal.commands).toEqual(["evalsha"]);
    expect(renewal.sent).toBeLessThan(400);

    const state = guarded(store, first.lease, { allowWeak: true });
    await state.put("balance", Buffer.from("0"));
    const write = await cost(() => state.put("balance", Buffer.from("1")));
    expect(write.commands).toEqual(["evalsha"]);
    expect(write.sent).toBeLessThan(480);
    await node.leave();
  });

  test("a bulk write is one script a bucket, a list one look a bucket and one read a page", async () => {
    const small = await createStore(redis({ url: proxy.url, prefix: "small", buckets: 4 }));
    const keys = Array.from({ length: 24 }, (_, at) => `k${String(at).padStart(3, "0")}`);
    const bulk = await cost(() =>
      small.write(keys.map((key) => ({ type: "put", key, value: Buffer.from(key), when: "absent" }))),
    );
    expect(bulk.commands).toEqual(["evalsha", "evalsha", "evalsha", "evalsha"]);
    const list = await cost(async () => {
      const pages = await Array.fromAsync(small.scan({ prefix: "k" }));
      expect(pages.flat().map(({ key }) => key)).toEqual(keys);
    });
    expect(list.commands.toSorted()).toEqual(["mget", ...Array.from({ length: 4 }, () => "zrangebylex")]);
    await small.close();
  });
});
