import { inspect } from "node:util";

import { describe, expect, expectTypeOf, test } from "vitest";

import {
  boolean,
  bytes,
  defineOptions,
  type Fields,
  faultsOf,
  group,
  integer,
  list,
  milliseconds,
  oneOf,
  type OptionsSchema,
  path,
  type OptionsSource,
  seconds,
  secret,
  StoreError,
  table,
  text,
} from "../src/driver.ts";

interface Backup {
  readonly path: string;
  readonly syncIntervalMs: number;
  readonly compression?: "gzip" | "lz4" | "zstd";
}

interface Options {
  readonly endpoint: string;
  readonly prefix: string;
  readonly password?: string;
  readonly retryCount: number;
  readonly enableSsl: boolean;
  readonly connectionTimeoutMs: number;
  readonly pollMs?: number;
  readonly cacheSize: number;
  readonly paths?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly diskBackup?: Backup;
}

const schema: OptionsSchema<Options> = defineOptions<Options>(
  {
    endpoint: text({ key: "endpoint", doc: "Where it is.", required: true, url: "host" }),
    prefix: text({ key: "prefix", doc: "Stands before keys.", default: "orbit", empty: true }),
    password: secret({ key: "password", doc: "Lets one in.", url: "password" }),
    retryCount: integer({ key: "retry_count", doc: "Attempts.", default: 3, max: 10 }),
    enableSsl: boolean({ key: "enable_ssl", doc: "TLS.", default: true }),
    connectionTimeoutMs: seconds({ key: "connection_timeout", doc: "Patience.", default: 30_000 }),
    pollMs: milliseconds({ key: "poll_ms", doc: "Pace." }),
    cacheSize: bytes({ key: "cache_size", doc: "Memory.", default: 2 ** 30 }),
    paths: list({ key: "paths", doc: "Disks." }),
    labels: table({ key: "labels", doc: "Labels." }),
    diskBackup: group<Backup>({
      key: "disk_backup",
      doc: "Backup.",
      fields: {
        path: path({ key: "path", doc: "File.", required: true }),
        syncIntervalMs: seconds({ key: "sync_interval", doc: "Pace.", default: 300_000 }),
        compression: oneOf({ key: "compression", doc: "Codec.", values: ["gzip", "lz4", "zstd"] }),
      },
    }),
  },
  {
    check: ({ endpoint, enableSsl }) =>
      endpoint.startsWith("http://") && enableSsl
        ? [{ path: "enableSsl", reason: "is true, but the endpoint starts with http://" }]
        : [],
  },
);

const faults = (raw: Record<string, unknown>, source: OptionsSource = "file", prefix = "providers.s3."): string[] => {
  const parsed = schema.parse(raw, source, prefix);
  return parsed.ok ? [] : parsed.faults.map((fault) => `${fault.path}: ${fault.reason}`);
};

const options = (raw: Record<string, unknown>, source: OptionsSource = "file"): Options => {
  const parsed = schema.parse(raw, source, "");
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
  return parsed.options;
};

const thrownBy = (work: () => unknown): StoreError => {
  try {
    work();
  } catch (error) {
    if (error instanceof StoreError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
};

describe("types", () => {
  test("an option may be left out of the options exactly when the field says so", () => {
    expectTypeOf(text({ key: "a", doc: "" }).default).toEqualTypeOf<string | undefined>();
    expectTypeOf(text({ key: "a", doc: "", required: true })).toExtend<Fields<{ a: string }>["a"]>();
    expectTypeOf(text({ key: "a", doc: "" })).not.toExtend<Fields<{ a: string }>["a"]>();
    const word = oneOf({ key: "a", doc: "", values: ["x", "y"], default: "x" });
    expectTypeOf(word).toExtend<Fields<{ a: "x" | "y" }>["a"]>();
    expectTypeOf(word).not.toExtend<Fields<{ a: "x" }>["a"]>();
  });
});

describe("resolve", () => {
  test("completes what is given with the defaults, frozen", () => {
    const resolved = schema.resolve({ endpoint: "https://a", diskBackup: { path: "/b", syncIntervalMs: 5 } });
    expect({ ...resolved }).toEqual({
      endpoint: "https://a",
      prefix: "orbit",
      retryCount: 3,
      enableSsl: true,
      connectionTimeoutMs: 30_000,
      cacheSize: 2 ** 30,
      diskBackup: { path: "/b", syncIntervalMs: 5 },
    });
    expect(Object.isFrozen(resolved) && Object.isFrozen(resolved.diskBackup)).toBe(true);
  });

  test("names every fault at once, in the code's names", () => {
    const input = { endpint: "x", retryCount: 1.5, connectionTimeoutMs: "1", diskBackup: { sync_interval: 3 } };
    const error = thrownBy(() => schema.resolve(input as object));
    expect(error.code).toBe("INVALID_ARGUMENT");
    expect(faultsOf(error).map(({ path: where, reason }) => `${where}: ${reason}`)).toEqual([
      "endpint: unknown option: did you mean endpoint?",
      "endpoint: missing: expected a text that is not empty",
      "retryCount: expected a whole number from 0 to 10, found the number 1.5",
      'connectionTimeoutMs: expected whole milliseconds of at least 1, found "1"',
      "diskBackup.sync_interval: unknown option: did you mean syncIntervalMs?",
      "diskBackup.path: missing: expected a path",
    ]);
    for (const fault of faultsOf(error)) expect(error.message).toContain(`\n- ${fault.path}: ${fault.reason}`);
  });

  test("refuses what is no options object", () => {
    for (const input of [null, [], "hunter2", 3, new Date(0)]) {
      const error = thrownBy(() => schema.resolve(input as unknown as Options));
      expect(error.code).toBe("INVALID_ARGUMENT");
      expect(error.message).not.toContain("hunter2");
    }
  });

  test("takes resolved options again, with their secrets", () => {
    const once = schema.resolve({ endpoint: "https://a", password: "hunter2" });
    expect(schema.resolve(once).password).toBe("hunter2");
  });
});

describe("parse", () => {
  test("reads a file's table: snake_case, seconds, sizes with a unit, words in any case", () => {
    expect({
      ...options({
        endpoint: "https://a",
        connection_timeout: 0.25,
        poll_ms: 20,
        cache_size: "64MB",
        paths: ["/a", "/b"],
        labels: { zone: "z1" },
        disk_backup: { path: "/data/orbit", sync_interval: 300, compression: "Gzip" },
      }),
    }).toEqual({
      endpoint: "https://a",
      prefix: "orbit",
      retryCount: 3,
      enableSsl: true,
      connectionTimeoutMs: 250,
      pollMs: 20,
      cacheSize: 64_000_000,
      paths: ["/a", "/b"],
      labels: { zone: "z1" },
      diskBackup: { path: "/data/orbit", syncIntervalMs: 300_000, compression: "gzip" },
    });
  });

  test("reads the same from text", () => {
    const fromText = options(
      {
        endpoint: "https://a",
        connection_timeout: "0.25",
        poll_ms: "20",
        cache_size: "64MB",
        enable_ssl: "TRUE",
        paths: "/a, /b",
        labels: "zone=z1,with=a=b",
        disk_backup_path: "/data/orbit",
        disk_backup_compression: "ZSTD",
      },
      "env",
    );
    expect({ ...fromText }).toMatchObject({
      connectionTimeoutMs: 250,
      pollMs: 20,
      cacheSize: 64_000_000,
      enableSsl: true,
      paths: ["/a", "/b"],
      labels: { zone: "z1", with: "a=b" },
      diskBackup: { path: "/data/orbit", syncIntervalMs: 300_000, compression: "zstd" },
    });
  });

  test.each([
    ["0", 0],
    ["4096", 4096],
    ["64 kb", 64_000],
    ["1.5MiB", 1_572_864],
    ["2GB", 2_000_000_000],
    ["1TiB", 2 ** 40],
    ["1e3", undefined],
    ["-1", undefined],
    ["1.1KB", 1_100],
    ["0.1B", undefined],
    ["9999999TiB", undefined],
    ["MB", undefined],
  ])("the size %s is %s bytes", (size, expected) => {
    const parsed = schema.parse({ endpoint: "a", cache_size: size }, "file", "");
    expect(parsed.ok ? parsed.options.cacheSize : undefined).toBe(expected);
  });

  test("lists and tables are frozen too", () => {
    const { paths, labels } = options({ endpoint: "a", paths: ["/a"], labels: { a: "b" } });
    expect([Object.isFrozen(paths), Object.isFrozen(labels)]).toEqual([true, true]);
  });

  test("an empty variable is an unset one; an empty text in a file is a fault unless allowed", () => {
    expect(options({ endpoint: "a", retry_count: "", disk_backup_path: "" }, "env").diskBackup).toBeUndefined();
    expect(options({ endpoint: "a", prefix: "" }).prefix).toBe("");
    expect(faults({ endpoint: "" })).toEqual(['providers.s3.endpoint: expected a text that is not empty, found ""']);
  });

  test("says what was expected and found, in the source's names", () => {
    expect(
      faults({
        endpoint: "a\ud800",
        retry_count: 11,
        enable_ssl: "yes",
        connection_timeout: -1,
        cache_size: "1 barrel",
        paths: ["/a", 3],
        labels: { a: 1 },
        disk_backup: "/data",
      }),
    ).toEqual([
      'providers.s3.endpoint: expected a text that is not empty, found "a\\ud800"',
      "providers.s3.retry_count: expected a whole number from 0 to 10, found the number 11",
      'providers.s3.enable_ssl: expected true or false, found "yes"',
      "providers.s3.connection_timeout: expected seconds of at least 0.001, found the number -1",
      'providers.s3.cache_size: expected bytes, as a number or with a unit as in "64MB" or "1GiB", of at least 0, found "1 barrel"',
      "providers.s3.paths: expected a list of texts that are not empty, found a list",
      "providers.s3.labels: expected a table of texts, found a table",
      'providers.s3.disk_backup: expected a table, found "/data"',
    ]);
    expect(faults({ endpoint: "a", retry_count: "3x", disk_backup_compression: "rar" }, "env", "ORBIT_S3_")).toEqual([
      'ORBIT_S3_RETRY_COUNT: expected a whole number from 0 to 10, found "3x"',
      "ORBIT_S3_DISK_BACKUP_PATH: missing: expected a path",
      'ORBIT_S3_DISK_BACKUP_COMPRESSION: expected "gzip" or "lz4" or "zstd", found "rar"',
    ]);
  });

  test.each<[OptionsSource, string, string, string]>([
    ["file", "retry_cuont", "providers.s3.", "providers.s3.retry_cuont: unknown option: did you mean retry_count?"],
    ["file", "retryCount", "providers.s3.", "providers.s3.retryCount: unknown option: did you mean retry_count?"],
    [
      "env",
      "disk_backup_pth",
      "ORBIT_S3_",
      "ORBIT_S3_DISK_BACKUP_PTH: unknown variable: did you mean ORBIT_S3_DISK_BACKUP_PATH?",
    ],
    ["url", "retry-count", "url?", "url?retry-count: unknown option: did you mean retry_count?"],
  ])("answers an unknown key of a %s with the nearest known one: %s", (source, key, prefix, expected) => {
    expect(faults({ endpoint: "a", [key]: "s3cr3t-value" }, source, prefix)).toEqual([expected]);
  });

  test("checks options against each other, in the source's names", () => {
    expect(faults({ endpoint: "http://a" })).toEqual([
      "providers.s3.enable_ssl: is true, but the endpoint starts with http://",
    ]);
    expect(faults({ endpoint: "http://a" }, "env", "ORBIT_S3_")[0]).toMatch(/^ORBIT_S3_ENABLE_SSL: /);
    expect(thrownBy(() => schema.resolve({ endpoint: "http://a" })).message).toContain("enableSsl: is true");
  });

  test.each(["__proto__", "constructor", "toString"])("takes %s for an unknown key and changes no prototype", (key) => {
    const raw: Record<string, unknown> = JSON.parse(`{"endpoint": "a", "${key}": {"polluted": true}}`);
    expect(faults(raw)).toHaveLength(1);
    expect(faults(raw)[0]).toContain(`providers.s3.${key}: unknown option`);
    expect("polluted" in {}).toBe(false);
    const labels: Record<string, unknown> = JSON.parse(`{"${key}": "x"}`);
    const read = options({ endpoint: "a", labels }).labels;
    expect(Object.entries(read ?? {})).toEqual([[key, "x"]]);
  });
});

describe("secrets", () => {
  const resolved = schema.resolve({ endpoint: "https://a", password: "hunter2" });

  test("are readable by name", () => {
    expect(resolved.password).toBe("hunter2");
  });

  test("stand in no inspect, JSON or spread of the options or of a driver that holds them", () => {
    class Driver {
      readonly options: Options = resolved;
    }
    for (const value of [resolved, new Driver(), [resolved], { ...resolved }, new Map([["s3", resolved]])]) {
      expect(inspect(value, { depth: 9, showHidden: true })).not.toContain("hunter2");
      expect(JSON.stringify(value)).not.toContain("hunter2");
    }
  });

  test("stand in no fault", () => {
    expect(faults({ endpoint: "a", password: ["hunter2"] })).toEqual([
      "providers.s3.password: expected a text that is not empty, found a list",
    ]);
    expect(faults({ endpoint: "a", password: 20_252_025 })[0]).toMatch(/found a number$/);
    expect(faults({ endpoint: "a", pasword: "hunter2" })).toEqual([
      "providers.s3.pasword: unknown option: did you mean password?",
    ]);
    expect(faults({ endpoint: "a", retry_count: "redis://me:hunter2@host" })[0]).toContain("redis://***@host");
  });
});

describe("the schema", () => {
  test("tells documentation all that a table of options needs", () => {
    expect(schema.fields.find((field) => field.key === "cache_size")).toEqual({
      name: "cacheSize",
      key: "cache_size",
      expects: 'bytes, as a number or with a unit as in "64MB" or "1GiB", of at least 0',
      default: '"1GiB"',
      required: false,
      secret: false,
      doc: "Memory.",
    });
    expect(schema.fields.map((field) => field.key)).toContain("disk_backup.sync_interval");
    expect(schema.fields.find((field) => field.key === "connection_timeout")?.default).toBe("30");
    expect(schema.fields.find((field) => field.key === "password")).toMatchObject({ secret: true, url: "password" });
  });

  test("refuses fields that could not be told apart, or whose names break the rules", () => {
    const twice = {
      a: text({ key: "b_c", doc: "" }),
      b: group({ key: "b", doc: "", fields: { c: text({ key: "c", doc: "" }) } }),
    };
    expect(() => defineOptions(twice)).toThrow("b_c stands for two options");
    expect(() => defineOptions({ a: text({ key: "aB", doc: "" }) })).toThrow("snake_case");
    expect(() => defineOptions({ ttl: seconds({ key: "ttl", doc: "" }) })).toThrow("must end in Ms");
    expect(() => integer({ key: "a", doc: "", default: 5, max: 4 })).toThrow("default of a");
  });
});
