import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { configBuilder, type ConfigSource, loadConfig } from "../src/index.ts";
import { faultsIn, loadOptions, sample, type SampleOptions, thrownBy } from "./config-sample.ts";

const load = { providers: [sample] };

describe("one set of options", () => {
  const word = fc.string({ minLength: 1, maxLength: 12, unit: "grapheme" }).filter((text) => text.isWellFormed());
  // In text, commas part items and blanks around them are not kept.
  const item = word.map((text) => text.replace(/[\s,=]/g, "x"));
  const ms = fc.integer({ min: 1, max: 10_000_000 });
  const given = fc.record(
    {
      endpoints: fc.array(item, { minLength: 1, maxLength: 4 }),
      prefix: word.map((text) => text.replace(/^\/|\0/g, "x")),
      username: word,
      password: word.map((text) => `${text} secret`),
      retryCount: fc.nat(),
      enableSsl: fc.boolean(),
      connectionTimeoutMs: ms,
      cacheSize: fc.nat(),
      labels: fc.dictionary(item, item, { minKeys: 1, maxKeys: 3 }),
      diskBackup: fc.record({ path: item, syncIntervalMs: ms }),
    },
    { requiredKeys: ["endpoints", "prefix"] },
  );

  /** The same options as each source writes them. */
  function sources(options: Partial<SampleOptions>): Record<string, ConfigSource> {
    const { connectionTimeoutMs, diskBackup, retryCount, enableSsl, cacheSize, labels, endpoints, ...texts } = options;
    const flat = new Map<string, string | number | boolean | undefined>([
      ...Object.entries(texts),
      ["retry_count", retryCount],
      ["enable_ssl", enableSsl],
      ["cache_size", cacheSize],
      ["connection_timeout", connectionTimeoutMs === undefined ? undefined : connectionTimeoutMs / 1000],
    ]);
    const scalars = [...flat].filter((entry): entry is [string, string | number | boolean] => entry[1] !== undefined);
    const backup = diskBackup && { path: diskBackup.path, sync_interval: diskBackup.syncIntervalMs / 1000 };
    const table = {
      type: "eTCD",
      ...Object.fromEntries(scalars),
      endpoints,
      ...(labels && { labels }),
      ...(backup && { disk_backup: backup }),
    };
    // JSON strings with escapes for control characters are TOML basic strings.
    const toml = (value: unknown): string =>
      typeof value !== "object" || value === null
        ? JSON.stringify(value).replaceAll("\u007f", "\\u007f")
        : Array.isArray(value)
          ? `[${value.map(toml).join(",")}]`
          : `{${Object.entries(value)
              .map(([key, part]) => `${toml(key)} = ${toml(part)}`)
              .join(",")}}`;
    const text = new Map(scalars.map(([key, value]) => [key, String(value)]));
    if (labels !== undefined)
      text.set(
        "labels",
        Object.entries(labels)
          .map(([name, value]) => `${name}=${value}`)
          .join(","),
      );
    for (const [key, value] of Object.entries(backup ?? {})) text.set(`disk_backup_${key}`, String(value));
    const env = [...text, ["endpoints", endpoints?.join(",") ?? ""] as const].map(([key, value]) => [
      `ORBIT_ETCD_${key.toUpperCase()}`,
      value,
    ]);
    const { username = "", password, prefix = "", ...query } = Object.fromEntries(text);
    const user = `${encodeURIComponent(username)}${password === undefined ? "" : `:${encodeURIComponent(password)}`}`;
    const hosts = encodeURIComponent(endpoints?.join(",") ?? "");
    const rest = Object.entries(query).map(([key, value]) => `${key}=${encodeURIComponent(value)}`);
    return {
      toml: {
        toml: Object.entries({ providers: { main: table } })
          .map(([key, value]) => `${key} = ${toml(value)}`)
          .join("\n"),
      },
      json: { json: JSON.stringify({ providers: { main: table } }) },
      env: { env: { ORBIT_PERSISTENCE_BACKEND: "etcd", ...Object.fromEntries(env) } },
      url: { url: `etcd://${user}@${hosts}/${encodeURIComponent(prefix)}?${rest.join("&")}` },
      object: { object: { providers: { main: { type: "Etcd", options } } } },
    };
  }

  test("reads the same from code, TOML, JSON, variables and a URL", async () => {
    await fc.assert(
      fc.asyncProperty(given, async (options) => {
        const expected = sample.options.resolve(options);
        for (const [kind, source] of Object.entries(sources(options))) {
          const read = await loadOptions(source);
          // Secrets are not enumerable: a comparison of the options alone would pass them over.
          expect({ kind, read, password: read.password }).toEqual({ kind, read: expected, password: options.password });
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe("a document", () => {
  test("makes its only provider the default for both", async () => {
    const config = await loadConfig({ toml: '[providers.a]\ntype = "Etcd"' }, load);
    expect(config.defaults).toEqual({ addressable: "a", cluster: "a" });
    expect(config.allowWeak).toBe(false);
  });

  test("leaves defaults open where there are several providers", async () => {
    const two = '[providers.a]\ntype = "Etcd"\n[providers.b]\ntype = "Etcd"';
    expect((await loadConfig({ toml: two }, load)).defaults).toEqual({});
    const config = await loadConfig(
      { toml: `namespace = "shop"\nallow_weak = true\n[defaults]\ncluster = "b"\n${two}` },
      load,
    );
    expect(config).toMatchObject({ defaults: { cluster: "b" }, namespace: "shop", allowWeak: true });
  });

  test("names every fault at once, wherever it stands", async () => {
    const toml = `
      alow_weak = true
      [defaults]
      addressable = "a"
      clustr = "a"
      [providers.a]
      type = "Etcd"
      retry_cuont = 3
      enable_ssl = "no"
      [providers.a.disk_backup]
      pth = "/b"
      [providers.b]
      type = "Etdc"
      [providers.c]
      retry_count = 1
      [providers]
      `.replace(/\[providers\]\s*$/, "");
    expect(await faultsIn({ toml })).toEqual([
      "alow_weak: unknown option: did you mean allow_weak?",
      "defaults.clustr: unknown option: did you mean cluster?",
      'providers.c.type: expected the type of a provider, such as "Memory", found nothing',
      "providers.a.retry_cuont: unknown option: did you mean retry_count?",
      'providers.a.enable_ssl: expected true or false, found "no"',
      "providers.a.disk_backup.pth: unknown option: did you mean path?",
      "providers.a.disk_backup.path: missing: expected a path",
      expect.stringContaining('providers.b.type: the type "Etdc" is unknown: did you mean Etcd?'),
    ]);
  });

  test("a default must name a provider that is there", async () => {
    expect(await faultsIn({ toml: '[defaults]\ncluster = "etcd"\n[providers.s3]\ntype = "Sample"' })).toEqual([
      'defaults.cluster: names "etcd", which is not among the providers: add [providers.etcd] or name one of: s3',
    ]);
  });

  test.each([
    ["no providers", "", "providers: missing: expected a table with a table for each provider"],
    ["an empty table", "[providers]", "providers: there are none"],
    ["a list", "providers = [1]", "providers: expected a table with a table for each provider, found a list"],
    [
      "a provider that is no table",
      'providers = {a = "s3cr3t"}',
      "providers.a: expected a table with a type and options, found a text",
    ],
  ])("refuses %s", async (_, toml, fault) => {
    expect(await faultsIn({ toml })).toEqual([fault]);
  });

  test("the source must be exactly one of those there are", async () => {
    for (const source of [{}, { file: 3 }, { toml: "", json: "" }, null, "etcd://a", { yaml: "" }]) {
      const error = await thrownBy(() => loadConfig(source as unknown as ConfigSource));
      expect(error.code).toBe("INVALID_ARGUMENT");
    }
  });
});

describe("variables", () => {
  test("name the type, whatever its case, and its options", async () => {
    const config = await loadConfig({ env: { ORBIT_PERSISTENCE_BACKEND: "ETCD", ORBIT_ETCD_RETRY_COUNT: "9" } }, load);
    expect(config.providers[0]).toMatchObject({ name: "etcd", options: { retryCount: 9 } });
    expect(config.defaults).toEqual({ addressable: "etcd", cluster: "etcd" });
  });

  test("may leave the type out where only one has variables", async () => {
    expect(await loadOptions({ env: { ORBIT_ETCD_PREFIX: "p", ORBIT_REDIS_PREFIX: "", PATH: "/bin" } })).toMatchObject({
      prefix: "p",
    });
    expect(await faultsIn({ env: { ORBIT_ETCD_PREFIX: "p", ORBIT_S3_PREFIX: "p" } })).toEqual([
      "ORBIT_PERSISTENCE_BACKEND: missing: there are variables for Etcd and S3; name the one to use",
    ]);
    expect(await faultsIn({ env: {} })).toEqual([
      expect.stringContaining("ORBIT_PERSISTENCE_BACKEND: missing: name the type of a provider"),
    ]);
  });

  test("of another type than the one named are left alone", async () => {
    const env = { ORBIT_PERSISTENCE_BACKEND: "etcd", ORBIT_S3_BUCKET: "b", ORBIT_LOG_LEVEL: "info" };
    expect(await loadOptions({ env })).toMatchObject({ retryCount: 3 });
  });

  test("carry namespace and allow_weak", async () => {
    const env = {
      ORBIT_PERSISTENCE_BACKEND: "etcd",
      ORBIT_PERSISTENCE_NAMESPACE: "shop",
      ORBIT_PERSISTENCE_ALLOW_WEAK: "1",
    };
    expect(await loadConfig({ env }, load)).toMatchObject({ namespace: "shop", allowWeak: true });
  });

  test("unknown ones are answered with the nearest known one", async () => {
    const env = {
      ORBIT_PERSISTENCE_BACKEND: "etcd",
      ORBIT_PERSISTENCE_NAMESPAC: "x",
      ORBIT_ETCD_ENDPOINT: "a",
      ORBIT_ETCD_DISK_BACKUP_PATHS: "a",
    };
    expect(await faultsIn({ env: { ...env, ORBIT_PERSISTENCE_NAMESPAC: undefined } })).toEqual([
      "ORBIT_ETCD_ENDPOINT: unknown variable: did you mean ORBIT_ETCD_ENDPOINTS?",
      "ORBIT_ETCD_DISK_BACKUP_PATHS: unknown variable: did you mean ORBIT_ETCD_DISK_BACKUP_PATH?",
    ]);
    expect(await faultsIn({ env })).toContain(
      "ORBIT_PERSISTENCE_NAMESPAC: unknown variable: did you mean ORBIT_PERSISTENCE_NAMESPACE?",
    );
  });

  test("that Kubernetes sets for a Service named like a type are none of ours", async () => {
    const env = {
      ORBIT_PERSISTENCE_BACKEND: "etcd",
      ORBIT_ETCD_SERVICE_HOST: "10.0.0.1",
      ORBIT_ETCD_SERVICE_PORT: "2379",
      ORBIT_ETCD_SERVICE_PORT_CLIENT: "2379",
      ORBIT_ETCD_PORT: "tcp://10.0.0.1:2379",
      ORBIT_ETCD_PORT_2379_TCP: "tcp://10.0.0.1:2379",
      ORBIT_ETCD_PORT_2379_TCP_ADDR: "10.0.0.1",
    };
    expect(await loadOptions({ env })).toMatchObject({ retryCount: 3 });
  });

  test("a URL stands alone", async () => {
    const url = "etcd://a:1/p";
    expect(await loadOptions({ env: { ORBIT_PERSISTENCE_URL: url } })).toMatchObject({
      endpoints: ["a:1"],
      prefix: "p",
    });
    expect(await faultsIn({ env: { ORBIT_PERSISTENCE_URL: url, ORBIT_PERSISTENCE_BACKEND: "etcd" } })).toEqual([
      "ORBIT_PERSISTENCE_BACKEND: not beside ORBIT_PERSISTENCE_URL, which names the provider too",
    ]);
    expect(await faultsIn({ env: { ORBIT_PERSISTENCE_URL: url, ORBIT_ETCD_PASSWORD: "hunter2" } })).toEqual([
      expect.stringMatching(/^ORBIT_ETCD_PASSWORD: not beside ORBIT_PERSISTENCE_URL(?!.*hunter2)/),
    ]);
  });
});

describe("a URL", () => {
  test("carries hosts, userinfo, path and any option in the query", async () => {
    const options = await loadOptions({
      url: "sample://me:p%40ss@a:1,b:2/my/prefix?retry_count=5&enable_ssl=false&cache_size=1GiB",
    });
    expect(options).toMatchObject({
      endpoints: ["a:1", "b:2"],
      username: "me",
      prefix: "my/prefix",
      retryCount: 5,
      enableSsl: false,
      cacheSize: 2 ** 30,
    });
    expect(options.password).toBe("p@ss");
    const plain = await loadOptions({ url: "sample://me:p@:ss@a" });
    expect([plain.username, plain.password, plain.endpoints]).toEqual(["me", "p@:ss", ["a"]]);
  });

  test.each([
    ["etcd://a?retry_cuont=1", "url?retry_cuont: unknown option: did you mean retry_count?"],
    ["etcd://a?retry_count=1&retry_count=2", "url?retry_count: given twice"],
    ["etcd://a/p?prefix=q", "url?prefix: given twice"],
    ["etcd://a?retry_count=x", 'url?retry_count: expected a whole number of at least 0, found "x"'],
  ])("%s has its fault named", async (url, fault) => {
    expect(await faultsIn({ url })).toEqual([fault]);
  });

  test.each(["", "etcd", "//a", "etcd://a#hunter2", "etcd://a?prefix=%zzhunter2", "1etcd://hunter2@a"])(
    "%j is none, and is not quoted",
    async (url) => {
      const [fault] = await faultsIn({ url });
      expect(fault).toMatch(/^url: expected a provider's URL/);
      expect(fault).not.toContain("hunter2");
    },
  );

  test("a part that the provider has no option for is a fault", async () => {
    const plain = { ...sample, schemes: ["plain"], options: { ...sample.options, fields: [] } };
    expect(await faultsIn({ url: "plain://me:hunter2@a/p" }, { providers: [plain] })).toEqual([
      "url: plain URLs have no username",
      "url: plain URLs have no password",
      "url: plain URLs have no host: a path starts with a third slash",
      "url: plain URLs have no path",
    ]);
  });
});

describe("code", () => {
  test("the builder has a form for each type, and one for any provider", async () => {
    const config = await configBuilder()
      .withEtcd("a", { retryCount: 7 }, false)
      .with("b", sample, { connectionTimeoutMs: 5 }, { default: "cluster" })
      .withEtcd("c", {}, "addressable")
      .namespace("shop")
      .allowWeak()
      .build(load);
    expect(config).toMatchObject({ defaults: { addressable: "c", cluster: "b" }, namespace: "shop", allowWeak: true });
    expect(config.providers.map(({ name, options }) => [name, options])).toMatchObject([
      ["a", { retryCount: 7 }],
      ["b", { connectionTimeoutMs: 5 }],
      ["c", { retryCount: 3 }],
    ]);
    const forms = Object.keys(configBuilder()).filter((form) => /^with./.test(form));
    expect(forms).toEqual(expect.arrayContaining(["withMemory", "withBTree", "withS3", "withTiKV", "withMinIO"]));
    expect(forms).toHaveLength(14);
  });

  test("options are checked by type where the provider is given", () => {
    const builder = configBuilder();
    // @ts-expect-error The option is a number.
    builder.with("a", sample, { retryCount: "3" });
    expect(builder.with("b", sample, { retryCount: 3 })).toBe(builder);
  });

  test("the builder names every fault at once", async () => {
    const builder = configBuilder()
      .withEtcd("a", { retry_count: 1 }, true)
      .withEtcd("a", { connectionTimeout: 1 }, "cluster")
      .withEtcd("__proto__", { polluted: true });
    const error = await thrownBy(() => builder.build(load));
    expect(error.message.split("\n").slice(1)).toEqual([
      "- providers.a: is there twice: give each provider its own name",
      "- defaults.cluster: is both a and a: choose one",
      "- providers.a.options.connectionTimeout: unknown option: did you mean connectionTimeoutMs?",
      "- providers.__proto__.options.polluted: unknown option: there are endpoints, prefix, username, password, retryCount, enableSsl, connectionTimeoutMs, cacheSize, labels, diskBackup",
    ]);
    expect("polluted" in {}).toBe(false);
  });

  test.each<[object, string]>([
    [{}, "providers.a: expected exactly one of provider, type and url"],
    [{ type: "Etcd", url: "etcd://a" }, "providers.a: expected exactly one of provider, type and url"],
    [
      { type: "Etcd", retryCount: 1 },
      "providers.a.retryCount: unknown: expected provider, type, url, package or options; a provider's own options stand in options",
    ],
    [{ url: "etcd://a", options: {} }, "providers.a.options: not beside url, which carries its own"],
    [{ type: 3 }, "providers.a.type: expected the type of a provider, found the number 3"],
    [{ provider: { name: "x" } }, "providers.a.provider: expected a Provider, found a table"],
    [{ type: "Etcd", options: "hunter2" }, "providers.a.options: expected an object, found a text"],
    [{ type: "Etcd", package: 3 }, "providers.a.package: expected the name of a package, found the number 3"],
  ])("%j has its fault named", async (entry, fault) => {
    expect(await faultsIn({ object: { providers: { a: entry } } })).toEqual([fault]);
  });

  test("a provider may be given by its URL", async () => {
    expect(await loadOptions({ object: { providers: { a: { url: "etcd://x:1" } } } })).toMatchObject({
      endpoints: ["x:1"],
    });
  });
});
