import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "vitest";

const root = join(import.meta.dirname, "..");
const scope = "@orbit/";

/** Lower rooms know nothing of higher ones. Rooms of one level do not know each other, but for what `may` names. */
const LEVELS: readonly (readonly RegExp[])[] = [
  [/^(persistence|tikv-client|proto)$/],
  [/^persistence-(?!conformance)/, /^persistence-conformance$/, /^observability$/],
  [/^(cache|tenancy|state|transactions)$/],
  [/^(server|client)$/, /^adapter-/],
  [/^(cli|operator)$/],
];
const may: ReadonlySet<string> = new Set(["persistence-minio > persistence-s3", "operator > cli"]);

/** Features never name a backend: only these rooms may depend on providers at run time. */
const COMPOSITION_ROOTS: ReadonlySet<string> = new Set(["cli", "operator"]);

interface Room {
  readonly name: string;
  readonly level: number;
  readonly dependencies: readonly string[];
  /** Package names that its sources import. */
  readonly imports: ReadonlyMap<string, string>;
}

const rooms = readdirSync(join(root, "packages")).map(readRoom);
const isProvider = (name: string): boolean => /^persistence-(?!conformance)/.test(name);

function readRoom(name: string): Room {
  const folder = join(root, "packages", name);
  const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const dependencies = ["dependencies", "peerDependencies", "optionalDependencies"].flatMap((kind) =>
    Object.keys(manifest[kind] ?? {}),
  );
  return { name, level: levelOf(name), dependencies, imports: importsOf(join(folder, "src")) };
}

function levelOf(name: string): number {
  const level = LEVELS.findIndex((patterns) => patterns.some((pattern) => pattern.test(name)));
  if (level < 0) throw new Error(`packages/${name} has no level: give it one in integration/architecture.test.ts`);
  return level;
}

function importsOf(folder: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const file of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    if (!file.endsWith(".ts")) continue;
    const text = readFileSync(join(folder, file), "utf8");
    for (const [, named, called] of text.matchAll(
      /^(?:import|export)\b[^;"]*\bfrom "([^"]+)";|import\("([^"]+)"\)/gm,
    )) {
      const specifier = named ?? called ?? "";
      if (specifier.startsWith("node:") || specifier.startsWith(".")) continue;
      const parts = specifier.split("/");
      found.set(specifier.startsWith("@") ? parts.slice(0, 2).join("/") : (parts[0] ?? ""), file);
    }
  }
  return found;
}

const arrows = rooms.flatMap((from) =>
  from.dependencies
    .filter((dependency) => dependency.startsWith(scope))
    .map((dependency) => ({ from, to: dependency.slice(scope.length) })),
);

test("arrows between packages go down only", () => {
  const wrong = arrows.filter(({ from, to }) => levelOf(to) >= from.level && !may.has(`${from.name} > ${to}`));
  expect(wrong.map(({ from, to }) => `${from.name} > ${to}`)).toEqual([]);
});

test("only composition roots depend on providers", () => {
  const wrong = arrows.filter(
    ({ from, to }) => isProvider(to) && !COMPOSITION_ROOTS.has(from.name) && !may.has(`${from.name} > ${to}`),
  );
  expect(wrong.map(({ from, to }) => `${from.name} > ${to}`)).toEqual([]);
});

test("sources import only what their package declares", () => {
  const wrong = rooms.flatMap(({ name, dependencies, imports }) =>
    [...imports]
      .filter(([specifier]) => specifier !== scope + name && !dependencies.includes(specifier))
      .map(([specifier, file]) => `packages/${name}/src/${file} imports ${specifier}`),
  );
  expect(wrong).toEqual([]);
});

test("only one room has a metrics library, and only server and cli a logger", () => {
  const holders = (pattern: RegExp): string[] =>
    rooms.filter(({ dependencies }) => dependencies.some((name) => pattern.test(name))).map(({ name }) => name);
  expect(holders(/^(prom-client|@opentelemetry\/)/).filter((name) => name !== "observability")).toEqual([]);
  expect(holders(/^(pino|winston|bunyan)/).filter((name) => name !== "server" && name !== "cli")).toEqual([]);
});

test("every provider has the same files", () => {
  const files = [
    "src/index.ts",
    "src/options.ts",
    "src/driver.ts",
    "src/errors.ts",
    "test/conformance.test.ts",
    "README.md",
  ];
  const missing = rooms
    .filter(({ name }) => isProvider(name))
    .flatMap(({ name }) => {
      const present = new Set(readdirSync(join(root, "packages", name), { recursive: true, encoding: "utf8" }));
      return files.filter((file) => !present.has(file)).map((file) => `packages/${name}/${file}`);
    });
  expect(missing).toEqual([]);
});
