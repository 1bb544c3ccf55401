import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";

import { writeReferences } from "./references.ts";
import { readJson, root as repository, scope } from "./workspace.ts";

const template = join(repository, "tools", "templates", "provider");

/** Says in one sentence why a provider can't have this name, or nothing when it can. */
export function objection(root: string, name: string): string | undefined {
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name) || name.length > 40) {
    return `"${name}" can't name a provider: use at most 40 lower-case letters, digits and single dashes, a letter first.`;
  }
  const folder = join("packages", `persistence-${name}`);
  if (existsSync(join(root, folder))) return `${folder} exists already: choose another name or remove it.`;
  return undefined;
}

/** Spells the template's name, "example-db", in another name's words, in each of its three forms. */
export function spell(text: string, name: string): string {
  const pascal = name.replace(/(?:^|-)(.)/g, (_, letter: string) => letter.toUpperCase());
  const camel = pascal.charAt(0).toLowerCase() + pascal.slice(1);
  return text.replaceAll("example-db", name).replaceAll("ExampleDb", pascal).replaceAll("exampleDb", camel);
}

/**
 * Makes packages/persistence-NAME from the template and makes it known to the workspace. Everything is prepared before
 * anything shows, so a failure leaves the tree as it was.
 *
 * @returns the paths it wrote, relative to `root`.
 */
export function makeProvider(root: string, name: string): readonly string[] {
  const edits = new Map([
    [join(root, "integration", "providers.ts"), withLine(join(root, "integration", "providers.ts"), name)],
    [join(root, "integration", "package.json"), withDependency(join(root, "integration", "package.json"), name)],
    [join(root, ".changeset", `provider-${name}.md`), changeset(name)],
  ]);
  const target = join(root, "packages", `persistence-${name}`);
  const draft = mkdtempSync(join(root, "packages", ".draft-"));
  const written: string[] = [];
  try {
    for (const entry of readdirSync(template, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const path = relative(template, join(entry.parentPath, entry.name));
      mkdirSync(dirname(join(draft, path)), { recursive: true });
      writeFileSync(join(draft, path), spell(readFileSync(join(template, path), "utf8"), name));
      written.push(join(target, path));
    }
    renameSync(draft, target);
  } catch (cause) {
    rmSync(draft, { recursive: true });
    throw cause;
  }
  for (const [path, text] of edits) writeFileSync(path, text);
  writeReferences(root);
  return [...written, ...edits.keys()].map((path) => relative(root, path));
}

function withLine(path: string, name: string): string {
  const camel = spell("exampleDb", name);
  return `${readFileSync(path, "utf8").trimEnd()}\nexport { provider as ${camel} } from "${scope}/persistence-${name}";\n`;
}

function withDependency(path: string, name: string): string {
  const manifest = readJson<{ dependencies?: Record<string, string> }>(path);
  const dependencies = { ...manifest.dependencies, [`${scope}/persistence-${name}`]: "workspace:*" };
  const sorted = Object.fromEntries(Object.entries(dependencies).sort(([a], [b]) => (a < b ? -1 : 1)));
  return `${JSON.stringify({ ...manifest, dependencies: sorted }, undefined, 2)}\n`;
}

function changeset(name: string): string {
  return `---\n"${scope}/persistence-${name}": minor\n---\n\nFirst release: Orbit persistence in ${name}.\n`;
}
