import { conformance, type Harness, registerConformance } from "@orbit/persistence-conformance";
import { afterAll, beforeAll, describe, it } from "vitest";

import { redis } from "../src/index.ts";
import { hasRedis, type Servers, startCluster, startSentinels, startServer } from "./support/server.ts";

/** Laws that commit user keys name them without a tag, which one bucket alone takes. */
const ONE_BUCKET = { buckets: 1 };
const UNTAGGED = [
  "commit works",
  "a commit of exactly the declared size is applied, one more is TOO_LARGE before any request",
  "a ttl is set with commits too",
];

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

  registerConformance({ describe, it }, harness("one-bucket", ONE_BUCKET));

  for (const spec of conformance(harness("many-buckets", {}))) {
    if (spec.group === "I" || UNTAGGED.some((name) => spec.name.startsWith(name))) continue;
    it(`in 256 buckets, ${spec.group}: ${spec.name}`, { timeout: 45_000 }, async () => {
      await spec.run();
    });
  }
});
