import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { importsOf } from "../tools/lib/readme.ts";
import { run } from "../tools/lib/run.ts";
import {
  type Application,
  bundledApplication,
  compile,
  END,
  fetchNode,
  npmApplication,
  packAll,
  pnpmApplication,
  programOf,
  published,
  readmeOf,
  type Sources,
} from "./lib/applications.ts";

const folder = mkdtempSync(join(tmpdir(), "orbit-tarballs-"));
const forms = ["npm", "pnpm", "bundle"] as const;
const versions = [22, 24] as const;
const nodes = new Map<number, string>();
const applications = new Map<string, Application>();
const complaints = new Map<string, string>();

/** Runners of tests, which who writes tests has already. */
const RUNNERS: ReadonlySet<string> = new Set(["vitest"]);

/** Packages whose README's lines connect to a server; their own tests run those lines against one. */
const CONNECTING: ReadonlySet<string> = new Set(["persistence-redis", "tikv-client"]);

const discovery = (providers: string): string => `
import { faultsOf, loadConfig } from "@orbit/persistence";
${providers}
const [, , path = ""] = process.argv;
const found = async (source: Parameters<typeof loadConfig>[0]) => {
  try {
    const { providers: [first] } = await loadConfig(source, { providers });
    return first?.provider.name;
  } catch (error) {
    return faultsOf(error).map(({ reason }) => reason);
  }
};
console.log(JSON.stringify({
  type: await found({ toml: '[providers.a]\\ntype = "Memory"\\n' }),
  scheme: await found({ url: "memory://" }),
  outside: await found({ json: JSON.stringify({ providers: { a: { type: "Files", path } } }) }),
  outsideScheme: await found({ url: "files://" + path }),
  missing: await found({ toml: '[providers.a]\\ntype = "Azure"\\n' }),
}));
`;
const IN_CODE = `import { provider as memory } from "@orbit/persistence-memory";
import { provider as files } from "acme-orbit-files";
const providers = [memory, files];`;

function sources(tarballs: Sources["tarballs"]): Sources {
  const programs = published.flatMap((each): [string, string][] => {
    try {
      return [[each.folder, programOf(readmeOf(each))]];
    } catch {
      // Its own test below tells.
      return [];
    }
  });
  return {
    tarballs,
    programs: {
      ...Object.fromEntries(programs),
      discovered: discovery("const providers: [] = [];"),
      given: discovery(IN_CODE),
    },
  };
}

beforeAll(async () => {
  nodes.set(22, await fetchNode(22)).set(24, process.execPath);
  const all = sources(await packAll(join(folder, "packed")));
  const npm = await npmApplication(join(folder, "npm"), all);
  const isolated = await pnpmApplication(join(folder, "pnpm"), all);
  complaints.set("npm", await compile(npm)).set("pnpm", await compile(isolated));
  applications.set("npm", npm).set("pnpm", isolated);
  applications.set("bundle", await bundledApplication(join(folder, "bundle"), npm));
}, 240_000);

afterAll(() => rmSync(folder, { recursive: true }));

const nodeOf = (version: number): string => nodes.get(version) ?? "";

function applicationOf(form: string): Application {
  const found = applications.get(form);
  if (found === undefined) throw new Error(`there is no ${form} application`);
  return found;
}

test.each(versions)("Node %i is one that the packages promise to run on", async (version) => {
  const { output } = await run(nodeOf(version), ["--version"]);
  const [major, minor] = output.slice(1).split(".").map(Number);
  expect(major).toBe(version);
  expect(minor).toBeGreaterThanOrEqual(version === 22 ? 22 : 0);
});

test.each(published.map((each) => [each.manifest.name, each] as const))(
  "the README of %s installs what its lines import",
  (name, each) => {
    const { installs, code } = readmeOf(each);
    expect(installs).toContain(name);
    expect(importsOf(code).filter((used) => !installs.includes(used) && !RUNNERS.has(used))).toEqual([]);
    expect(code.trim().split("\n").length).toBeLessThanOrEqual(15);
  },
);

test.each(["npm", "pnpm"])("the README's lines of every package pass the type checker, installed by %s", (form) => {
  expect(complaints.get(form)).toBe("");
});

describe.each(forms)("installed by %s", (form) => {
  describe.each(versions)("on Node %i", (version) => {
    const alone = published.filter(({ folder: name }) => !CONNECTING.has(name));
    test.each(alone.map((each) => [each.manifest.name, each.folder]))(
      "the README's lines of %s run",
      async (_, program) => {
        const { code, output } = await applicationOf(form).run(program, nodeOf(version));
        expect(output).toContain(END);
        expect({ code, output: code === 0 ? "" : output }).toEqual({ code: 0, output: "" });
      },
      60_000,
    );

    test("a provider is found, and one that is not installed gets its install line", async () => {
      const program = form === "bundle" ? "given" : "discovered";
      const { output } = await applicationOf(form).run(program, nodeOf(version), join(folder, "files"));
      expect(JSON.parse(output)).toEqual({
        type: "memory",
        scheme: "memory",
        outside: "files",
        outsideScheme: "files",
        missing: [expect.stringMatching(/npm install @orbit\/persistence-azure$/)],
      });
    });
  });
});

describe.each([
  ["npm", 22],
  ["pnpm", 24],
] as const)("the commands, installed by %s on Node %i", (form, version) => {
  test("orbit tells how it is used", async () => {
    const { code, output } = await applicationOf(form).command(nodeOf(version), "orbit", "--help");
    expect({ code, output }).toEqual({ code: 0, output: expect.stringMatching(/\bserve\b/) });
  });
});

test.each([
  ["npm", 22, "memory", "memory://"],
  ["pnpm", 24, "a plugin from outside", `files://${join(folder, "conformance")}`],
] as const)(
  "installed by %s on Node %i, orbit-conformance proves %s",
  async (form, version, _, url) => {
    const { code, output } = await applicationOf(form).command(nodeOf(version), "orbit-conformance", url);
    expect({ code, output: code === 0 ? "" : output }).toEqual({ code: 0, output: "" });
  },
  120_000,
);
