import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";

import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { parseJson } from "../src/config/json.ts";
import { type ConfigSource, type Files, loadConfig, readConfigFile } from "../src/index.ts";
import { faultsIn, sample, thrownBy } from "./config-sample.ts";

let folder = "";

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "orbit-config-"));
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const GOOD = '[providers.a]\ntype = "Etcd"\n';

describe("a file", () => {
  test("is read by its ending, a byte order mark or not", async () => {
    for (const path of [
      file("a.toml", GOOD),
      file("b.TOML", `\ufeff${GOOD}`),
      file("c.json", '{"providers":{"a":{"type":"Etcd"}}}'),
    ]) {
      expect((await loadConfig({ file: path }, { providers: [sample] })).providers[0]?.name).toBe("a");
    }
  });

  test("its faults name it", async () => {
    const path = file("faulty.toml", `${GOOD}retry_count = true`);
    const error = await thrownBy(() => loadConfig({ file: path }, { providers: [sample] }));
    expect(error.message).toBe(
      `[INVALID_CONFIG] ${path}: providers.a.retry_count: expected a whole number of at least 0, found true`,
    );
  });

  test("can be shared with others, who take their own tables out", async () => {
    const { server, ...table } = await readConfigFile(file("shared.toml", `${GOOD}[server]\nport = 1\n`));
    expect(server).toEqual({ port: 1 });
    expect((await loadConfig({ table }, { providers: [sample] })).providers).toHaveLength(1);
  });

  test.each<[string, () => string, string]>([
    ["that is not there", () => join(folder, "none.toml"), "there is no such file"],
    ["below a file", () => join(file("x.toml", GOOD), "y.toml"), "there is no such file"],
    ["with another ending", () => file("a.yaml", "a: 1"), "expected a file that ends in .toml or .json"],
    ["that is not UTF-8", () => file("latin.toml", new Uint8Array([0x23, 0xe9, 0x0a])), "it is not UTF-8 text"],
    ["that is UTF-16", () => file("wide.json", Buffer.from("{}", "utf16le").fill(0xff, 0, 1)), "it is not UTF-8 text"],
    ["larger than 1 MiB", () => file("huge.toml", "#".repeat(2 ** 20 + 1)), "it is larger than 1 MiB"],
    ["with a NUL in its name", () => "a\0.toml", "it can't be read (ERR_INVALID_ARG_VALUE)"],
    ["linked to itself", () => loop(), "it can't be read (ELOOP)"],
  ])("%s is refused", async (_, path, reason) => {
    const at = path();
    expect(await faultsIn({ file: at })).toEqual([`${at}: ${reason}`]);
  });

  test("of exactly 1 MiB is read", async () => {
    const path = file("large.toml", GOOD + "#".repeat(2 ** 20 - GOOD.length));
    expect((await loadConfig({ file: path }, { providers: [sample] })).providers).toHaveLength(1);
  });

  test("that is a directory or a pipe is refused at once", async () => {
    const directory = mkdtempSync(join(folder, "d-"));
    symlinkSync(directory, join(folder, "directory.toml"));
    expect(await faultsIn({ file: join(folder, "directory.toml") })).toEqual([
      expect.stringContaining("this is a directory: name the file in it"),
    ]);
    const pipe = join(folder, "pipe.toml");
    execFileSync("mkfifo", [pipe]);
    expect(await faultsIn({ file: pipe })).toEqual([`${pipe}: it can't be read (EINVAL)`]);
  });

  test("that may not be read, or fails while it is read, is refused", async () => {
    const failing = (code: string): Files => ({
      read: () => Promise.reject(Object.assign(new Error(code), { code })),
    });
    // The superuser may read everything: the refusal is told by the file system that is passed in.
    expect(await faultsIn({ file: "a.toml" }, { files: failing("EACCES") })).toEqual([
      "a.toml: this process may not read it",
    ]);
    expect(await faultsIn({ file: "a.toml" }, { files: failing("EIO") })).toEqual(["a.toml: it can't be read (EIO)"]);
  });

  function loop(): string {
    const path = join(folder, "loop.toml");
    symlinkSync(path, path);
    return path;
  }
});

describe("syntax", () => {
  test.each([
    ["toml", '[providers.a]\npassword = hunter2"', "toml: line 2, column 12: invalid value"],
    ["toml", `${GOOD}password = "hunter2`, "toml: line 3, column 12: unfinished string"],
    [
      "toml",
      `${GOOD}\n[providers.a]\ntype = "Etcd"`,
      "toml: line 4, column 2: trying to redefine an already defined table or value",
    ],
    [
      "toml",
      `${GOOD}password = "a"\npassword = "hunter2"`,
      "toml: line 4, column 1: trying to redefine an already defined table or value",
    ],
    ["json", '{"providers": {"a": {"password": hunter2}}}', "json: line 1, column 34: expected a value"],
    ["json", '{"a": 1\n"password": "hunter2"}', "json: line 2, column 1: expected ,"],
    ["json", '{"providers": {"a": {}, "a": {}}}', "json: line 1, column 25: the same key a second time"],
    ["json", '{"a": "hunter2', "json: line 1, column 7: expected a value"],
    ["json", '{"a": "hunter2\\x"}', "json: line 1, column 7: expected a value"],
    ["json", "hunter2", "json: line 1, column 1: expected a value"],
    ["json", '{} "hunter2"', "json: line 1, column 4: expected the end"],
    ["json", "[]", "json: expected an object at the top, found a list"],
    ["json", "", "json: line 1, column 1: expected a value"],
  ])("%s %j is told by its place and never quoted", async (kind, text, fault) => {
    const source = { [kind]: text } as unknown as ConfigSource;
    expect(await faultsIn(source)).toEqual([fault]);
    const error = await thrownBy(() => loadConfig(source));
    expect(inspect(error, { depth: 9 })).not.toContain("hunter2");
  });

  test.each([
    ["json", '{"a":'.repeat(200_000)],
    ["json", "[".repeat(500_000)],
    ["toml", `a = ${"[".repeat(500_000)}`],
    ["toml", `a = ${"{a=".repeat(200_000)}`],
    ["toml", `[${"a.".repeat(100_000)}a]\nb = 1`],
    ["toml", `[providers.${"a.".repeat(100_000)}a]\ntype = "Etcd"`],
    ["json", `{"providers": {"a": {"type": "${"Etcd".repeat(50_000)}"}}}`],
    ["json", `{"${"\\u0000".repeat(50_000)}": 1}`],
    ["toml", `[providers."${"a".repeat(50_000)}"]\ntype = "Nothing"`],
  ])("%s with depth or length alone is a short fault, soon", async (kind, text) => {
    const error = await thrownBy(() => loadConfig({ [kind]: text } as unknown as ConfigSource));
    expect(error.code).toBe("INVALID_CONFIG");
    expect(error.message.length).toBeLessThan(1_000);
  });

  test("strict JSON reads what JSON.parse reads", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), fc.constantFrom(undefined, 1, "\t"), (value, indent) => {
        const text = JSON.stringify(value, undefined, indent);
        expect(parseJson(text)).toEqual(JSON.parse(text));
      }),
    );
    const long = JSON.stringify({ a: '\\"x'.repeat(300_000) });
    expect(parseJson(long)).toEqual(JSON.parse(long));
  });

  test("strict JSON refuses what JSON.parse refuses", () => {
    expect(() => parseJson('{"a":1,"a":1}')).toThrow("the same key a second time");
    const scraps = fc.array(
      fc.constantFrom("{", "}", "[", "]", ",", ":", '"a"', "1", "-", "true", "nul", "0x1", " ", "'", "\\", "1e5", "."),
    );
    const accepts = (read: (text: string) => unknown, text: string): boolean => {
      try {
        read(text);
        return true;
      } catch {
        return false;
      }
    };
    fc.assert(
      fc.property(scraps, (parts) => {
        const text = parts.join("");
        // A duplicate key is the one thing that only the strict one refuses.
        const couldBeTwice = parts.filter((part) => part === '"a"').length > 1;
        const [strict, plain] = [accepts(parseJson, text), accepts(JSON.parse, text)];
        return strict ? plain : couldBeTwice || !plain;
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("hostile names", () => {
  test.each(["__proto__", "constructor", "toString", "", " ", "a.b", "\u0000", "😀", "hasOwnProperty"])(
    "a provider may be called %j, and changes no prototype",
    async (name) => {
      const json = `{"providers": {${JSON.stringify(name)}: {"type": "Etcd", "labels": {"__proto__": "x"}}}}`;
      const config = await loadConfig({ json }, { providers: [sample] });
      expect(config.providers.map((provider) => provider.name)).toEqual([name]);
      expect(config.defaults.cluster).toBe(name);
      expect(Object.getPrototypeOf(config.providers[0]?.options)).toBe(Object.prototype);
      expect("x" in {}).toBe(false);
    },
  );

  test.each(["toml", "json"])("__proto__ at the top of %s is an unknown option", async (kind) => {
    const text =
      kind === "toml"
        ? `__proto__ = {allow_weak = true}\n${GOOD}`
        : '{"__proto__": {"allow_weak": true}, "providers": {"a": {"type": "Etcd"}}}';
    const [fault] = await faultsIn({ [kind]: text } as unknown as ConfigSource);
    expect(fault).toMatch(/^__proto__: unknown option/);
  });

  test("providers inherited from a prototype are none", async () => {
    const table = Object.create({ providers: { a: { type: "Etcd" } } }) as Record<string, unknown>;
    expect(await faultsIn({ table })).toEqual(["providers: missing: expected a table with a table for each provider"]);
  });
});

describe("secrets", () => {
  const hidden = "hunter2";
  const sources: [string, ConfigSource][] = [
    ["toml", { toml: `${GOOD}password = "${hidden}"\nretry_count = -1\ntoken = "${hidden}"` }],
    ["json", { json: `{"providers": {"a": {"type": "Etcd", "password": ["${hidden}"], "secret": "${hidden}"}}}` }],
    ["url", { url: `etcd://me:${hidden}@a?secret_key=${hidden}&retry_count=-1` }],
    ["no url", { url: `etcd://me:${hidden}@a#${hidden}` }],
    ["unknown scheme", { url: `etdc://me:${hidden}@a` }],
    ["env", { env: { ORBIT_ETCD_PASSWORD: hidden, ORBIT_ETCD_PASWORD: hidden, ORBIT_ETCD_RETRY_COUNT: "x" } }],
    ["env url", { env: { ORBIT_PERSISTENCE_URL: `etcd://me:${hidden}@a?x=1` } }],
    [
      "code",
      { object: { providers: { a: { type: "Etcd", options: { password: { value: hidden }, pasword: hidden } } } } },
    ],
    ["code url", { object: { providers: { a: { url: `etcd://me:${hidden}@a?x=1` } } } }],
  ];

  test.each(sources)("stand in no fault of %s", async (_, source) => {
    const error = await thrownBy(() => loadConfig(source, { providers: [sample] }));
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(hidden);
    expect(JSON.stringify(error)).not.toContain(hidden);
    expect(String(error.stack)).not.toContain(hidden);
  });

  test("stand in no print of a configuration", async () => {
    const config = await loadConfig({ url: `etcd://me:${hidden}@a` }, { providers: [sample] });
    expect(inspect(config, { depth: 9, showHidden: true })).not.toContain(hidden);
    expect(JSON.stringify(config)).not.toContain(hidden);
    const [provider] = config.providers;
    expect(Reflect.get(provider?.options ?? {}, "password")).toBe(hidden);
  });
});
