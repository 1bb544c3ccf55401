import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { faultsOf } from "@orbit/persistence";
import { expect, test } from "vitest";

import { type Flags, loadSettings, type Settings } from "../src/settings.ts";
import { folder } from "./harness.ts";

async function load(
  toml: string | undefined,
  env: Readonly<Record<string, string>> = {},
  flags: Flags = {},
): Promise<Settings> {
  using place = folder();
  const file = toml === undefined ? undefined : join(place.path, "orbit.toml");
  if (file !== undefined) writeFileSync(file, toml ?? "");
  const nothing = (): void => undefined;
  return await loadSettings(file, flags, {
    env,
    out: nothing,
    err: nothing,
    isTerminal: false,
    signal: new AbortController().signal,
  });
}

async function faults(settings: Promise<unknown>): Promise<readonly string[]> {
  try {
    await settings;
  } catch (error) {
    const found = faultsOf(error);
    for (const { path, reason } of found) expect(String(error)).toContain(`${path}: ${reason}`);
    return found.map(({ path }) => path).toSorted();
  }
  throw new Error("there was no fault");
}

test("without anything: the embedded store and the defaults", async () => {
  const { server, persistence, embedded } = await load(undefined);
  expect(server).toMatchObject({ namespace: "default", host: "127.0.0.1", port: 50_051, adminPort: 50_052 });
  expect(embedded).toBe(true);
  expect(persistence.providers).toMatchObject([{ provider: { name: "btree" }, options: { path: ".orbit/data" } }]);
  const moved = await load(undefined, { ORBIT_DATA_DIR: "/var/lib/orbit" });
  expect(moved.persistence.providers).toMatchObject([{ options: { path: "/var/lib/orbit" } }]);
});

test("the command line stands over variables, these over the file, that over the defaults", async () => {
  const toml =
    '[server]\nport = 1000\nadmin_port = 1001\nnamespace = "file"\ndrain_timeout = 2.5\nlog_level = "warn"\n';
  const { server } = await load(
    toml,
    { ORBIT_ADMIN_PORT: "2001", ORBIT_NAMESPACE: "variable", ORBIT_HOST: "", ORBIT_TLS_CERT: "c", ORBIT_TLS_KEY: "k" },
    { namespace: "flag", port: undefined },
  );
  expect(server).toMatchObject({
    port: 1000,
    adminPort: 2001,
    namespace: "flag",
    drainTimeoutMs: 2500,
    logLevel: "warn",
    host: "127.0.0.1",
    tls: { cert: "c", key: "k" },
  });
});

test("what Kubernetes sets for a Service named orbit is not a port", async () => {
  const { server } = await load(undefined, { ORBIT_PORT: "tcp://10.0.0.1:50051" });
  expect(server.port).toBe(50_051);
});

test("a store from the file, and from variables", async () => {
  const file = await load('[providers.fast]\ntype = "Memory"\nmax_entries = 10\n');
  expect(file.persistence.providers).toMatchObject([{ name: "fast", options: { maxEntries: 10 } }]);
  const url = await load(undefined, { ORBIT_PERSISTENCE_URL: "btree:///data" });
  expect([url.embedded, url.persistence.providers]).toMatchObject([false, [{ options: { path: "/data" } }]]);
  const typed = await load("[server]\nport = 7\n", { ORBIT_MEMORY_MAX_ENTRIES: "5" });
  expect(typed.persistence.providers).toMatchObject([{ options: { maxEntries: 5 } }]);
});

test("all faults of all sources are named at once", async () => {
  const toml = `
    [server]
    port = "high"
    admin_prot = 1
    tls = { cert = "c" }

    [providers.main]
    type = "BTree"
    map_size = "wide"
  `;
  const found = await faults(load(toml, { ORBIT_LOG_LEVEL: "loud" }, { admin_port: "x" }));
  expect(found).toEqual([
    "--admin-port",
    "ORBIT_LOG_LEVEL",
    "providers.main.map_size",
    "providers.main.path",
    "server.admin_prot",
    "server.port",
    "server.tls.key",
  ]);
});

test("a file that can't be read is one sentence", async () => {
  const error: unknown = await load("[server\n").catch((cause: unknown) => cause);
  expect(String(error)).toContain("orbit.toml");
  expect(String(error)).toContain("line 1");
});

test("stores in the file and in variables are not mixed", async () => {
  const both = load('[providers.a]\ntype = "Memory"\n', { ORBIT_PERSISTENCE_URL: "memory:" });
  expect(await faults(both)).toEqual(["ORBIT_PERSISTENCE_URL"]);
});

test("a wrong server table", async () => {
  expect(await faults(load("server = 3\n"))).toEqual(["server"]);
});
