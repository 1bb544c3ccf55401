import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";

import { build } from "esbuild";

import { importsOf, type Quickstart, quickstartOf } from "../../tools/lib/readme.ts";
import { must, type Outcome, run } from "../../tools/lib/run.ts";
import { pack } from "../../tools/lib/tarball.ts";
import { type Package, packages, pnpm, readJson, root } from "../../tools/lib/workspace.ts";

/** Every package that is published. */
export const published: readonly Package[] = packages().filter(({ manifest }) => manifest.private !== true);

/** A plugin that nothing here knows of. */
const OUTSIDE = join(root, "examples", "provider-outside");

/** Printed behind the README's lines, so that a program that never got there can't pass for one that did. */
export const END = "the README's lines ran to their end";

const TSCONFIG = {
  compilerOptions: {
    // Node 22 has no `await using` of its own, so that it is compiled away.
    target: "ES2024",
    lib: ["ES2024", "ESNext.Disposable"],
    module: "NodeNext",
    types: ["node"],
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    rootDir: "src",
    outDir: "out",
  },
  include: ["src"],
};

/** An application of a user's: a folder of its own outside of the workspace. */
export interface Application {
  readonly folder: string;
  /** Runs one of its compiled programs under the Node of a folder of executables. */
  run(program: string, node: string, ...args: readonly string[]): Promise<Outcome>;
  /** Runs a command that a package of it brings. */
  command(node: string, name: string, ...args: readonly string[]): Promise<Outcome>;
}

export interface Sources {
  /** Tarballs by the name of their package. */
  readonly tarballs: Readonly<Record<string, string>>;
  /** TypeScript by the name of the program. */
  readonly programs: Readonly<Record<string, string>>;
}

/** Builds and packs everything that is published, and the plugin from outside. */
export async function packAll(out: string): Promise<Sources["tarballs"]> {
  await must("tsc", ["-b", ...published.map(({ path }) => path), OUTSIDE]);
  const outside: Package = { folder: "outside", path: OUTSIDE, manifest: readJson(join(OUTSIDE, "package.json")) };
  const packed = [...published, outside].map(async ({ folder, path, manifest }): Promise<[string, string]> => [
    manifest.name,
    await pack(path, join(out, folder)),
  ]);
  return Object.fromEntries(await Promise.all(packed));
}

/** Reads what the README of a package shows. Throws where there is nothing to run. */
export function readmeOf({ path, manifest }: Package): Quickstart {
  return quickstartOf(readFileSync(join(path, "README.md"), "utf8"), manifest.name);
}

/** The README's lines as a program that runs without the test runner that they are written for. */
export function programOf({ code }: Quickstart): string {
  // One that listens would never end by itself.
  const end = code.includes(".listen(") ? "setTimeout(() => process.exit(), 500);\n" : "";
  return `${code.replace('from "vitest"', 'from "node:test"')}\nconsole.log(${JSON.stringify(END)});\n${end}`;
}

/** Installs with npm and nothing else. */
export async function npmApplication(folder: string, sources: Sources): Promise<Application> {
  writeApplication(folder, sources);
  await must("npm", ["install", "--no-audit", "--no-fund", "--prefer-offline"], { cwd: folder });
  return application(folder, (name, args) => ["npx", ["--no-install", name, ...args]]);
}

/** Installs with pnpm, where a package sees its own dependencies and no others. */
export async function pnpmApplication(folder: string, sources: Sources): Promise<Application> {
  writeApplication(folder, sources);
  const settings = {
    nodeLinker: "isolated",
    // What a registry would answer with for the dependencies between the tarballs.
    overrides: Object.fromEntries(Object.entries(sources.tarballs).map(([name, path]) => [name, `file:${path}`])),
    allowBuilds: { lmdb: true, "msgpackr-extract": true },
    pmOnFail: "ignore",
  };
  // JSON is YAML.
  writeFileSync(join(folder, "pnpm-workspace.yaml"), JSON.stringify(settings));
  await must("npx", [...pnpm, "install", "--prefer-offline"], { cwd: folder });
  return application(folder, (name, args) => ["npx", [...pnpm, "exec", name, ...args]]);
}

/**
 * Bundles the compiled programs of an application into one file each, beside nothing but LMDB's native part. They run in
 * the application's folder.
 */
export async function bundledApplication(folder: string, from: Application): Promise<Application> {
  mkdirSync(folder, { recursive: true });
  const { version } = readJson<{ version: string }>(join(from.folder, "node_modules", "lmdb", "package.json"));
  writeFileSync(
    join(folder, "package.json"),
    JSON.stringify({ name: "bundle", type: "module", dependencies: { lmdb: version } }),
  );
  await must("npm", ["install", "--no-audit", "--no-fund", "--prefer-offline"], { cwd: folder });
  await build({
    entryPoints: [join(from.folder, "out", "*.js")],
    outdir: join(folder, "out"),
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node22",
    external: ["lmdb"],
    // Dependencies that are CommonJS ask for Node's modules by require.
    banner: {
      js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);',
    },
    logLevel: "silent",
  });
  const { command } = from;
  return { folder, command, run: (program, node, ...args) => start(folder, from.folder, program, node, args) };
}

/** Checks the types of an application's programs and compiles them. Gives the compiler's complaints. */
export async function compile({ folder }: Application): Promise<string> {
  const { output } = await run("tsc", ["-p", folder]);
  return output;
}

function writeApplication(folder: string, { tarballs, programs }: Sources): void {
  mkdirSync(join(folder, "src"), { recursive: true });
  const { catalog } = readCatalog();
  const others = [...new Set(Object.values(programs).flatMap(importsOf))].filter((name) => !(name in tarballs));
  const manifest = {
    name: "application",
    private: true,
    type: "module",
    dependencies: {
      ...Object.fromEntries(Object.entries(tarballs).map(([name, path]) => [name, `file:${path}`])),
      ...Object.fromEntries(others.map((name) => [name, catalog.get(name) ?? "*"])),
    },
    devDependencies: { "@types/node": catalog.get("@types/node") },
  };
  writeFileSync(join(folder, "package.json"), JSON.stringify(manifest, undefined, 2));
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(TSCONFIG));
  for (const [name, code] of Object.entries(programs)) writeFileSync(join(folder, "src", `${name}.ts`), code);
}

/** The versions that the workspace uses. */
function readCatalog(): { readonly catalog: ReadonlyMap<string, string> } {
  const lines = readFileSync(join(root, "pnpm-workspace.yaml"), "utf8").matchAll(/^ {2}"?([^"\s:]+)"?: (\S+)$/gm);
  return { catalog: new Map([...lines].map(([, name = "", version = ""]) => [name, version])) };
}

function application(
  folder: string,
  commandLine: (name: string, args: readonly string[]) => readonly [string, readonly string[]],
): Application {
  return {
    folder,
    run: (program, node, ...args) => start(folder, folder, program, node, args),
    command: (node, name, ...args) => {
      const [command, rest] = commandLine(name, args);
      return run(command, rest, { cwd: folder, env: withNode(node) });
    },
  };
}

function start(home: string, cwd: string, program: string, node: string, args: readonly string[]): Promise<Outcome> {
  return run(node, [join(home, "out", `${program}.js`), ...args], { cwd });
}

function withNode(node: string): Readonly<Record<string, string>> {
  return { PATH: `${dirname(node)}${delimiter}${process.env["PATH"] ?? ""}` };
}

/** Fetches another Node from npm, once; gives the path of its executable. */
export async function fetchNode(major: number): Promise<string> {
  const folder = join(root, "node_modules", ".cache", "orbit", `node-${major}`);
  const executable = join(folder, "node_modules", "node", "bin", "node");
  const known = await run(executable, ["--version"]);
  if (known.code === 0) return executable;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true }));
  await must("npm", ["install", "--no-audit", "--no-fund", `node@${major}`], { cwd: folder });
  return executable;
}
