import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { entryOf } from "../src/config/packages.ts";
import { defineOptions, integer, list, type NestedProvider, provider, type Provider } from "../src/driver.ts";
import { faultsOf, loadConfig } from "../src/index.ts";
import { mapDriver } from "../src/testing/index.ts";
import { faultsIn, sample, thrownBy } from "./config-sample.ts";

let app = "";

beforeEach(() => {
  app = mkdtempSync(join(tmpdir(), "orbit-app-"));
});

afterEach(() => {
  rmSync(app, { recursive: true });
});

function write(path: string, content: string): void {
  const at = join(app, path);
  mkdirSync(dirname(at), { recursive: true });
  writeFileSync(at, content);
}

function application(dependencies: Record<string, string>, more: object = {}): void {
  write("package.json", JSON.stringify({ name: "app", dependencies, ...more }));
}

interface Shape {
  readonly at?: string;
  readonly types?: readonly string[];
  readonly contract?: number;
  readonly code?: string;
  readonly manifest?: object;
}

/** Installs a plugin, as its package would lie on the disk: plain JavaScript that imports nothing. */
function plugin(name: string, shape: Shape = {}): void {
  const { at = `node_modules/${name}`, types = ["Foreign"], contract = 1 } = shape;
  const told = { provider: { types, schemes: types.map((type) => type.toLowerCase()), capabilities: {} } };
  const manifest = { name, type: "module", exports: { ".": { import: "./main.js" } }, orbit: told, ...shape.manifest };
  write(`${at}/package.json`, JSON.stringify(manifest));
  const options = `{ fields: [], resolve: (input) => input, parse: (raw) => ({ ok: true, options: raw }) }`;
  const schemes = JSON.stringify(told.provider.schemes);
  const code = `export const provider = { name: ${JSON.stringify(name)}, contract: ${contract}, types: ${JSON.stringify(types)}, schemes: ${schemes}, options: ${options}, create() {} };`;
  write(`${at}/main.js`, shape.code ?? code);
}

async function found(toml: string, providers: readonly Provider[] = []): Promise<string | undefined> {
  const config = await loadConfig({ toml }, { from: app, providers });
  return config.providers[0]?.provider.name;
}

const faults = (toml: string): Promise<string[]> => faultsIn({ toml }, { from: app });

const FOREIGN = '[providers.a]\ntype = "foreign"';

describe("a provider is found", () => {
  test("in code before all else", async () => {
    application({ "orbit-foreign": "1" });
    plugin("orbit-foreign", { types: ["Sample"] });
    expect(await found('[providers.a]\ntype = "SAMPLE"\npackage = "orbit-foreign"', [sample])).toBe("sample");
  });

  test("by package, before the dependencies", async () => {
    application({ "orbit-foreign": "1" });
    plugin("orbit-foreign");
    plugin("@acme/orbit-other");
    expect(await found(`${FOREIGN}\npackage = "@acme/orbit-other"`)).toBe("@acme/orbit-other");
  });

  test.each(["orbit-foreign", "@acme/orbit-foreign"])("among the application's dependencies: %s", async (name) => {
    application({ "left-pad": "1", [name]: "1" });
    plugin("left-pad", { manifest: { orbit: undefined } });
    plugin(name);
    expect(await found(FOREIGN)).toBe(name);
    const config = await loadConfig({ url: "foreign:" }, { from: app });
    expect(config.providers[0]?.provider.name).toBe(name);
  });

  test("from a folder within the application, and in a node_modules above it", async () => {
    write("apps/one/package.json", JSON.stringify({ dependencies: { "orbit-foreign": "1" } }));
    mkdirSync(join(app, "apps/one/dist"));
    plugin("orbit-foreign");
    const config = await loadConfig({ toml: FOREIGN }, { from: join(app, "apps/one/dist") });
    expect(config.providers[0]?.provider.name).toBe("orbit-foreign");
  });

  test("in an isolated layout, and once only, however it is reached", async () => {
    application({ "orbit-foreign": "1" });
    const store = "node_modules/.pnpm/orbit-foreign@1.0.0/node_modules/orbit-foreign";
    plugin("orbit-foreign", { at: store });
    symlinkSync(join(app, store), join(app, "node_modules/orbit-foreign"));
    const one = await loadConfig({ toml: FOREIGN }, { from: app });
    const module = (await import(join(app, store, "main.js"))) as { provider: Provider };
    expect(one.providers[0]?.provider).toBe(module.provider);
  });

  test.each([
    ["a single target", "./main.js"],
    ["import before default", { import: "./main.js", default: "./none.js" }],
    [
      "nested conditions",
      { ".": { types: "./main.d.ts", browser: "./none.js", node: { require: "./none.cjs", import: "./main.js" } } },
    ],
    ["no exports", undefined],
  ])("by what its package exports: %s", async (_, exports) => {
    application({ "orbit-foreign": "1" });
    plugin("orbit-foreign", { manifest: { exports, main: "main.js" } });
    expect(await found(FOREIGN)).toBe("orbit-foreign");
  });

  test("but not among packages that the application does not depend on", async () => {
    application({});
    plugin("orbit-foreign");
    expect(await faults(FOREIGN)).toEqual([expect.stringContaining('the type "foreign" is unknown')]);
  });
});

describe("a fault tells what to do when", () => {
  test.each([
    ["Redis", "npm install @orbit/persistence-redis"],
    ["tikv", "npm install @orbit/persistence-tikv"],
    ["googlecloud", "npm install @orbit/persistence-gcs"],
  ])("the known type %s is not installed", async (type, line) => {
    application({ "@orbit/persistence-redis": "1" });
    expect(await faults(`[providers.a]\ntype = "${type}"`)).toEqual([
      `providers.a.type: the type "${type}" is not installed: ${line}`,
    ]);
  });

  test("the scheme of a URL is not installed or unknown", async () => {
    expect(await faultsIn({ url: "rediss://a" }, { from: app })).toEqual([
      "url: the URL scheme rediss is not installed: npm install @orbit/persistence-redis",
    ]);
    expect(await faultsIn({ url: "redsi://a" }, { from: app })).toEqual([
      expect.stringMatching(/^url: the URL scheme redsi is unknown: did you mean redis\?/),
    ]);
  });

  test("a named package is not installed, or is no name", async () => {
    expect(await faults(`${FOREIGN}\npackage = "orbit-foreign"`)).toEqual([
      "providers.a.type: orbit-foreign is not installed where the application stands: npm install orbit-foreign",
    ]);
    for (const name of ["../evil", "/etc/passwd", "a/b", "node:fs", "file:///x", ".", ""]) {
      expect(await faults(`${FOREIGN}\npackage = "${name}"`)).toEqual([
        `providers.a.type: package: expected the name of a package, found "${name}"`,
      ]);
    }
  });

  test("two dependencies answer to the type", async () => {
    application({ one: "1", two: "1" });
    plugin("one");
    plugin("two");
    expect(await faults(FOREIGN)).toEqual([
      'providers.a.type: the type "foreign" is brought by one and two: choose one with package',
    ]);
  });

  test.each<[string, Shape, string]>([
    [
      "speaks another contract",
      { contract: 2 },
      "orbit-foreign speaks contract 2, this version of @orbit/persistence speaks 1: install versions of both packages that match",
    ],
    [
      "exports no provider",
      { code: "export const nothing = 1;" },
      "orbit-foreign exports no provider: expected an export named provider, found nothing",
    ],
    [
      "exports something else",
      { code: "export const provider = () => 1;" },
      "orbit-foreign exports no provider: expected an export named provider, found a function",
    ],
    [
      "can't be loaded",
      { code: 'throw new Error("no native part for this machine");' },
      "orbit-foreign could not be loaded: no native part for this machine",
    ],
    [
      "has no main export",
      { manifest: { exports: { "./x": "./main.js" } } },
      "orbit-foreign has no main export that can be imported",
    ],
    [
      "leads out of itself",
      { manifest: { exports: "../main.js" } },
      "orbit-foreign has no main export that can be imported",
    ],
  ])("a plugin %s", async (_, shape, reason) => {
    application({ "orbit-foreign": "1" });
    plugin("orbit-foreign", shape);
    expect(await faults(FOREIGN)).toEqual([`providers.a.type: ${reason}`]);
  });

  test("a plugin answers to another type than its package.json says", async () => {
    application({ "orbit-foreign": "1" });
    plugin("orbit-foreign", { manifest: { orbit: { provider: { types: ["Other"], schemes: [] } } } });
    expect(await faults('[providers.a]\ntype = "Other"')).toEqual([
      'providers.a.type: orbit-foreign answers to Foreign and not to the type "Other"',
    ]);
  });

  test("loading fails, with the error behind it", async () => {
    application({ "orbit-foreign": "1" });
    plugin("orbit-foreign", { code: 'throw new Error("broken");' });
    const [fault] = faultsOf(await thrownBy(() => loadConfig({ toml: FOREIGN }, { from: app })));
    expect(fault?.cause).toMatchObject({ message: "broken" });
  });

  test("a provider passed in code speaks another contract, or is of an old shape", async () => {
    const foreign = { ...sample, contract: 2 };
    const [fault] = await faultsIn({ toml: '[providers.a]\ntype = "Sample"' }, { providers: [foreign] });
    expect(fault).toContain("speaks contract 2, this version of @orbit/persistence speaks 1");
  });
});

test("what is passed in as a provider must be one", async () => {
  for (const wrong of [undefined, {}, () => sample, { ...sample, options: {} }]) {
    const providers = [sample, wrong as Provider];
    const error = await thrownBy(() => loadConfig({ env: {} }, { providers }));
    expect(error.code).toBe("INVALID_ARGUMENT");
    expect(error.message).toContain("providers[1]: expected what a plugin exports as provider");
  }
});

test("broken neighbours do not keep a plugin from being found", async () => {
  application({ broken: "1", list: "1", told: "1", "orbit-foreign": "1", "../../evil": "1" });
  write("node_modules/broken/package.json", "{");
  write("node_modules/list/package.json", "[]");
  write("node_modules/told/package.json", '{"orbit": {"provider": {"types": "Foreign", "schemes": [1, null]}}}');
  plugin("orbit-foreign");
  expect(await found(FOREIGN)).toBe("orbit-foreign");
});

test.each([
  [{ exports: null, main: "" }, "index.js"],
  [{ exports: ["./a.js", "./b.js"] }, "./a.js"],
  [{ exports: { require: "./a.cjs" } }, undefined],
  [{ exports: { ".": null } }, undefined],
  [{ exports: { import: 3, default: "./d.js" } }, "./d.js"],
])("the entry of %j is %s", (manifest, entry) => {
  expect(entryOf(manifest)).toBe(entry);
});

describe("providers within a provider", () => {
  interface PairOptions {
    readonly interval: number;
    readonly primary: NestedProvider;
    readonly backup?: NestedProvider;
    readonly tags?: readonly string[];
  }

  const pair: Provider<PairOptions> = {
    name: "pair",
    contract: 1,
    types: ["Composite"],
    schemes: ["pair"],
    options: defineOptions<PairOptions>({
      interval: integer({ key: "interval", doc: "Pace.", default: 1 }),
      primary: provider({ key: "primary", doc: "First.", required: true }),
      backup: provider({ key: "backup", doc: "Second." }),
      tags: list({ key: "tags", doc: "Tags." }),
    }),
    create: () => mapDriver(),
  };
  const given = { providers: [pair, sample] };

  test.each([
    [
      "toml",
      {
        toml: '[providers.a]\ntype = "Composite"\ninterval = 2\n[providers.a.primary]\ntype = "Etcd"\nretry_count = 7\n[providers.a.backup]\ntype = "Etcd"',
      },
    ],
    [
      "env",
      {
        env: {
          ORBIT_PERSISTENCE_BACKEND: "composite",
          ORBIT_COMPOSITE_INTERVAL: "2",
          ORBIT_COMPOSITE_PRIMARY_TYPE: "etcd",
          ORBIT_COMPOSITE_PRIMARY_RETRY_COUNT: "7",
          ORBIT_COMPOSITE_BACKUP_TYPE: "etcd",
        },
      },
    ],
    ["url", { url: "pair:?interval=2&primary_type=etcd&primary_retry_count=7&backup_type=etcd" }],
    [
      "code",
      {
        object: {
          providers: {
            a: {
              type: "Composite",
              options: {
                interval: 2,
                primary: { provider: sample, options: { retryCount: 7 } },
                backup: { type: "Etcd" },
              },
            },
          },
        },
      },
    ],
  ])("are read from %s", async (_, source) => {
    const { providers } = await loadConfig(source, given);
    expect(providers[0]).toMatchObject({
      provider: { name: "pair" },
      options: {
        interval: 2,
        primary: { provider: { name: "sample" }, options: { retryCount: 7 } },
        backup: { provider: { name: "sample" }, options: { retryCount: 3 } },
      },
    });
  });

  test("have their faults named with all others", async () => {
    const toml =
      '[providers.a]\ntype = "Composite"\nintervall = 2\n[providers.a.primary]\ntype = "Redis"\n[providers.a.backup]\ntype = "Etcd"\nretry_cuont = 1';
    expect(await faultsIn({ toml }, given)).toEqual([
      'providers.a.primary.type: the type "Redis" is not installed: npm install @orbit/persistence-redis',
      "providers.a.backup.retry_cuont: unknown option: did you mean retry_count?",
      "providers.a.intervall: unknown option: did you mean interval?",
    ]);
    expect(await faultsIn({ toml: '[providers.a]\ntype = "Composite"' }, given)).toEqual([
      "providers.a.primary: missing: expected a table with a type and the options of that provider",
    ]);
    expect(await faultsIn({ url: "pair:?primary_retry_count=7" }, given)).toEqual([
      "url?primary_type: missing: expected the type of a provider",
    ]);
  });

  test("end somewhere", async () => {
    const toml = Array.from(
      { length: 400 },
      (_, depth) => `[providers.a${".primary".repeat(depth)}]\ntype = "Composite"`,
    );
    const [fault] = await faultsIn({ toml: toml.join("\n") }, given);
    expect(fault).toMatch(/: providers within providers more than 8 deep$/);
  });
});
