// The kit's laws about failures, on a server that flushes each write, through a link that can be broken.
import { conformance, type Faults, type Harness } from "@orbit/persistence-conformance";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { redis } from "../src/index.ts";
import { type Proxy, startProxy } from "./support/proxy.ts";
import { hasRedis, type Server, startServer } from "./support/server.ts";

describe.skipIf(!hasRedis)("failures", () => {
  let server: Server;
  let proxy: Proxy;
  beforeAll(async () => {
    server = await startServer({ settings: ["appendonly yes", "appendfsync always"] });
    proxy = await startProxy(server.port);
  });
  afterAll(async () => {
    await proxy[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  const healing = (fault: () => void) => async (): Promise<() => Promise<void>> => {
    fault();
    return async () => proxy.heal();
  };
  const faults: Faults = {
    open: () => redis({ url: proxy.url, buckets: 1, commandTimeoutMs: 2_000 }),
    dropAnswers: healing(() => proxy.dropAnswers()),
    refuse: healing(() => proxy.refuse()),
    hang: healing(() => proxy.hang()),
    delay: (ms) => healing(() => proxy.delay(ms))(),
    async restart() {
      await server.kill();
      await server.restart();
    },
    async forgetChanges() {
      const admin = server.admin();
      await admin.xtrim("orbit:{0}~log", "MAXLEN", 0);
      admin.disconnect();
    },
  };
  const harness: Harness = { name: "redis", open: () => redis({ url: server.url, buckets: 1 }), faults };

  const laws = conformance(harness).filter(({ group }) => group === "K");
  it.each(laws)("$name", { timeout: 45_000 }, async (law) => {
    // A broken law rejects.
    expect(["passed", "not-applicable", "not-given"]).toContain(await law.run());
  });
});
