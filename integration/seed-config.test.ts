// Every TOML, JSON and environment block of the specification, as it is written there.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { type ConfigSource, faultsOf, loadConfig, type PersistenceConfig, StoreError } from "@orbit/persistence";
import { provider as btree } from "@orbit/persistence-btree";
import { provider as memory } from "@orbit/persistence-memory";
import { expect, test } from "vitest";

const here = import.meta.dirname;

/** Types whose packages are not here yet, with the name of each package. It must shrink to nothing. */
const NOT_BUILT: Readonly<Record<string, string>> = {
  Azure: "azure",
  Composite: "composite",
  Etcd: "etcd",
  Flash: "flash",
  GoogleCloud: "gcs",
  Kubernetes: "kubernetes",
  MinIO: "minio",
  RocksDB: "rocksdb",
  S3: "s3",
  TiKV: "tikv",
};

interface Block {
  /** Where each type that the block uses is named. */
  readonly types: Readonly<Record<string, string>>;
  /** Names in `defaults` that the block does not define. */
  readonly undefinedDefaults?: Readonly<Record<string, string>>;
  /** Options that must come out, by provider. */
  readonly options?: Readonly<Record<string, object>>;
}

const BACKEND = "ORBIT_PERSISTENCE_BACKEND";

const BLOCKS: Readonly<Record<string, Block>> = {
  "000-tikv-from-env.env": { types: { [BACKEND]: "TiKV" } },
  "000-tikv-development.env": { types: { [BACKEND]: "TiKV" } },
  "000-tikv-production.env": { types: { [BACKEND]: "TiKV" } },
  "000-tikv-file.toml": { types: { "providers.tikv-cluster.type": "TiKV" } },
  "000-tikv-hybrid.toml": {
    types: { "providers.tikv-cluster.type": "TiKV", "providers.rocksdb-cache.type": "RocksDB" },
  },
  "001-memory.toml": {
    types: { "providers.memory.type": "Memory" },
    options: {
      memory: {
        maxEntries: 100_000,
        diskBackup: { path: "/data/orbit-backup.json", syncIntervalMs: 300_000, compression: "Gzip" },
      },
    },
  },
  "001-s3.toml": { types: { "providers.s3.type": "S3" } },
  "001-azure.toml": { types: { "providers.azure.type": "Azure" } },
  "001-gcp.toml": { types: { "providers.gcp.type": "GoogleCloud" } },
  "001-etcd.toml": { types: { "providers.etcd.type": "Etcd" } },
  "001-redis.toml": {
    types: { "providers.redis.type": "Redis" },
    options: { redis: { clusterMode: false, database: 0, prefix: "orbit", poolSize: 10, retryCount: 3 } },
  },
  "001-kubernetes.toml": { types: { "providers.kubernetes.type": "Kubernetes" } },
  "001-minio.toml": { types: { "providers.minio.type": "MinIO" } },
  "001-flash.toml": { types: { "providers.flash.type": "Flash" } },
  "001-composite.toml": { types: { "providers.composite.type": "Composite" } },
  "001-file.toml": {
    types: { "providers.memory.type": "Memory", "providers.s3.type": "S3" },
    undefinedDefaults: { cluster: "etcd" },
    options: { memory: { maxEntries: 100_000 } },
  },
  "001-file.json": {
    types: { "providers.memory.type": "Memory", "providers.s3.type": "S3" },
    undefinedDefaults: { cluster: "etcd" },
    options: { memory: { maxEntries: 100_000 } },
  },
  "001-s3-from-env.env": { types: { [BACKEND]: "S3" } },
};

/** Reads a block, a stray `\"` as `"`. */
function read(name: string): string {
  return readFileSync(join(here, "seed-config", `${name}.txt`), "utf8").replaceAll('\\"', '"');
}

function sourceOf(name: string, text: string): ConfigSource {
  if (name.endsWith(".toml")) return { toml: text };
  if (name.endsWith(".json")) return { json: text };
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  const pairs = lines.map((line) => line.replace(/^export /, "").split(/=(.*)/s));
  return { env: Object.fromEntries(pairs.map(([key = "", value = ""]) => [key, value])) };
}

/** Loads with what this package depends on, found as for any application. Answers with the configuration or its faults. */
async function load(source: ConfigSource): Promise<PersistenceConfig | string[]> {
  try {
    return await loadConfig(source, { from: here });
  } catch (error) {
    if (error instanceof StoreError && error.code === "INVALID_CONFIG") {
      return faultsOf(error).map(({ path, reason }) => `${path}: ${reason}`);
    }
    throw error;
  }
}

/** The faults that a block has because of what is not built yet, and no others. */
function notBuilt(name: string, { types }: Block): string[] {
  return Object.entries(types).flatMap(([path, type]) => {
    const short = NOT_BUILT[type];
    if (short === undefined) return [];
    // Variables write the type as they like.
    const written =
      /^export ORBIT_PERSISTENCE_BACKEND=(\w+)$/m.exec(name.endsWith(".env") ? read(name) : "")?.[1] ?? type;
    return [`${path}: the type "${written}" is not installed: npm install @orbit/persistence-${short}`];
  });
}

test("every block is here", () => {
  const files = readdirSync(join(here, "seed-config")).map((file) => file.replace(/\.txt$/, ""));
  expect(files.toSorted()).toEqual(Object.keys(BLOCKS).toSorted());
});

test.each(Object.entries(BLOCKS))("%s is understood", async (name, block) => {
  const defaults = Object.entries(block.undefinedDefaults ?? {});
  const names = Object.keys(block.types).map((path) => path.split(".")[1]);
  const missing = defaults.map(([role, other]) => {
    const mend = `add [providers.${other}] or name one of: ${names.join(", ")}`;
    return `defaults.${role}: names "${other}", which is not among the providers: ${mend}`;
  });
  const faults = [...notBuilt(name, block), ...missing];
  const found = await load(sourceOf(name, read(name)));
  const options = Array.isArray(found)
    ? found
    : Object.fromEntries(found.providers.map((own) => [own.name, own.options]));
  expect(options).toMatchObject(faults.length > 0 ? faults : (block.options ?? {}));
});

test.each(Object.entries(BLOCKS).filter(([, { undefinedDefaults }]) => undefinedDefaults !== undefined))(
  "%s passes once the provider it names is defined",
  async (name, block) => {
    const added = name.endsWith(".toml")
      ? `${read(name)}\n[providers.etcd]\ntype = "Memory"\n`
      : read(name).replace('"providers": {', '"providers": { "etcd": { "type": "Memory" },');
    const found = await load(sourceOf(name, added));
    const faults = notBuilt(name, block);
    const settled = Array.isArray(found) ? found : found.defaults;
    expect(settled).toEqual(faults.length > 0 ? faults : { addressable: "s3", cluster: "etcd" });
  },
);

test("the list of what is not built shrinks with each provider that is", async () => {
  const packages = join(here, "..", "packages");
  const built = readdirSync(packages).flatMap((folder): string[] => {
    const manifest = JSON.parse(readFileSync(join(packages, folder, "package.json"), "utf8"));
    return manifest.orbit?.provider?.types ?? [];
  });
  expect(Object.keys(NOT_BUILT).filter((type) => built.includes(type))).toEqual([]);
  // Types that are neither built nor listed, and types that are listed and used nowhere.
  const used = new Set(Object.values(BLOCKS).flatMap(({ types }) => Object.values(types)));
  expect([...used].filter((type) => !built.includes(type) && NOT_BUILT[type] === undefined)).toEqual([]);
  expect(Object.keys(NOT_BUILT).filter((type) => !used.has(type))).toEqual([]);
});

test.each([
  { ...memory, options: "" },
  { ...btree, options: 'path = "/var/lib/orbit"' },
])("$types.0 is built, and found among this package's dependencies", async ({ name, types, options }) => {
  const found = await load({ toml: `[providers.a]\ntype = "${types[0]}"\n${options}` });
  const provider = Array.isArray(found) ? found : found.providers[0]?.provider;
  expect(provider).toBe(name === "memory" ? memory : btree);
});
