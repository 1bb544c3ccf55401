import { readFileSync } from "node:fs";
import { join } from "node:path";
import { inspect } from "node:util";

import { faultsOf, loadConfig, StoreError } from "@orbit/persistence";
import { expect, test } from "vitest";

import { addressOf } from "../src/address.ts";
import { provider, redis } from "../src/index.ts";
import { redisOptions, type RedisOptions } from "../src/options.ts";

const root = join(import.meta.dirname, "..");
const address = (options: Partial<RedisOptions>): object => addressOf(redisOptions.resolve(options));
const faults = (options: Partial<RedisOptions>): string[] => {
  try {
    redis(options);
    return [];
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    expect(error.code).toBe("INVALID_ARGUMENT");
    return faultsOf(error).map(({ path, reason }) => `${path}: ${reason}`);
  }
};

test.each([
  [
    "redis://localhost",
    { topology: "standalone", hosts: [{ host: "localhost", port: 6379 }], tls: false, database: 0 },
  ],
  [
    "rediss://u:p%40ss@db.example:1234/3",
    {
      topology: "standalone",
      hosts: [{ host: "db.example", port: 1234 }],
      tls: true,
      username: "u",
      password: "p@ss",
      database: 3,
    },
  ],
  ["redis://:p:q@[::1]:7000", { hosts: [{ host: "::1", port: 7000 }], username: undefined, password: "p:q" }],
  [
    "redis://a,b:7000,c",
    {
      topology: "cluster",
      hosts: [
        { host: "a", port: 6379 },
        { host: "b", port: 7000 },
        { host: "c", port: 6379 },
      ],
    },
  ],
  [
    "redis+sentinel://a,b:1/main/2",
    {
      topology: "sentinel",
      hosts: [
        { host: "a", port: 26_379 },
        { host: "b", port: 1 },
      ],
      name: "main",
      database: 2,
    },
  ],
  [
    "rediss+sentinel://u:p@a/main",
    { topology: "sentinel", tls: true, name: "main", username: "u", password: "p", database: 0 },
  ],
])("the url %s is understood", (url, expected) => {
  expect(address({ url })).toMatchObject(expected);
});

test("options say what the url leaves open", () => {
  const given = { clusterMode: true, username: "u", password: "p" };
  expect(address({ url: "redis://a", ...given })).toMatchObject({ topology: "cluster", username: "u", password: "p" });
  expect(address({ url: "redis://a", database: 4 })).toMatchObject({ database: 4 });
});

test.each<[Partial<RedisOptions>, RegExp]>([
  [{ url: "http://a" }, /^url: expected redis:/],
  [{ url: "redis://a:99999" }, /^url: expected redis:/],
  [{ url: "redis://a?pool_size=3" }, /^url: expected redis:/],
  [{ url: "redis://a/b" }, /^url: expected the number of a database/],
  [{ url: "redis+sentinel://a" }, /^url: expected the name of the primary/],
  [{ url: "redis+sentinel://a/m", clusterMode: true }, /^clusterMode: not with Sentinels/],
  [{ url: "redis://a,b/1" }, /^database: expected 0/],
  [{ url: "redis://a/1", database: 2 }, /^database: given twice/],
  [{ url: "redis://:secret@a", password: "p" }, /^password: given twice/],
  [{ prefix: "a{b" }, /^prefix: expected a text without braces/],
  [{ caCert: "/ca.pem" }, /^caCert: needs TLS/],
  [{ url: "rediss://a", clientCert: "/c.pem" }, /^clientKey: missing/],
  [{ buckets: 0 }, /^buckets: expected/],
])("%o is one clear fault before any connection", (options, expected) => {
  const found = faults(options);
  expect(found).toEqual([expect.stringMatching(expected)]);
  expect(found.join()).not.toContain("secret");
});

test("the seeds' parameters work in a file, in variables and in a URL", async () => {
  const toml = `[providers.redis]\ntype = "Redis"\nurl = "redis://localhost:6379"\ncluster_mode = false\ndatabase = 0\npassword = "secret"\nprefix = "orbit"\npool_size = 10\nretry_count = 3\n`;
  const env = {
    ORBIT_REDIS_URL: "redis://localhost:6379",
    ORBIT_REDIS_CLUSTER_MODE: "false",
    ORBIT_REDIS_POOL_SIZE: "10",
  };
  const url = "redis://:secret@localhost:6379/0?pool_size=10&retry_count=3";
  for (const source of [{ toml }, { env }, { url }]) {
    const { providers } = await loadConfig(source, { providers: [provider] });
    expect(providers[0]?.options).toMatchObject({ clusterMode: false, prefix: "orbit", poolSize: 10, retryCount: 3 });
    expect(inspect(providers[0]?.options)).not.toContain("secret");
  }
});

/** The rows of every table in the README, their cells without padding. */
const rows = readFileSync(join(root, "README.md"), "utf8")
  .split("\n")
  .filter((line) => line.startsWith("|"))
  .map((line) =>
    line
      .slice(1, -1)
      .split("|")
      .map((cell) => cell.trim()),
  );

test("the option table of the README is that of the schema", () => {
  const expected = provider.options.fields.map(({ key, default: usual, required, expects, doc }) => {
    const value = usual === undefined ? "none" : `\`${usual}\``;
    return [`\`${key}\``, required ? "required" : value, `${doc} Expects ${expects}.`];
  });
  const start = rows.findIndex(([first]) => first === "key");
  expect(rows.slice(start + 2, start + 2 + expected.length)).toEqual(expected);
});

test("the capability table of the README and the field in package.json are those of a driver that is not open", () => {
  const { capabilities } = redis();
  const manifest: unknown = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const { types, schemes } = provider;
  expect(manifest).toMatchObject({ orbit: { provider: { types, schemes, capabilities } } });
  const { limits, ...flags } = capabilities;
  const expected = [...Object.entries(flags), ...Object.entries(limits)].map(([name, value]) => [name, String(value)]);
  const start = rows.findIndex(([first]) => first === "capability");
  const told = rows
    .slice(start + 2, start + 2 + expected.length)
    .map((cells) => cells.slice(0, 2).map((cell) => cell.replaceAll("`", "")));
  expect(told).toEqual(expected);
});
