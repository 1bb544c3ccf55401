import { type Harness, registerConformance } from "@orbit/persistence-conformance";
import { afterAll, beforeAll, describe, it } from "vitest";

import { redis } from "../src/index.ts";
import { hasRedis, type Servers, startCluster, startSentinels, startServer } from "./support/server.ts";

const topologies: readonly [string, () => Promise<Pick<Servers, "url"> & AsyncDisposable>][] = [
  ["standalone", () => startServer()],
  ["Sentinel", () => startSentinels()],
  ["cluster", () => startCluster()],
];

describe.skipIf(!hasRedis).each(topologies)("on %s", (topology, start) => {
  let servers: Awaited<ReturnType<typeof start>>;
  beforeAll(async () => {
    servers = await start();
  });
  afterAll(() => servers[Symbol.asyncDispose]());

  const harness = (prefix: string, options: object): Harness => ({
    name: `redis, ${topology}, ${prefix}`,
    open: () => redis({ url: servers.url, prefix, ...options }),
  });

  registerConformance({ describe, it }, harness("one-bucket", { buckets: 1 }));
  registerConformance({ describe, it }, harness("many-buckets", {}));
});
