// Builds, packs and publishes every package whose version is not on the registry yet.
// Usage: pnpm release [--scope @name] [--dry-run] [--out folder] [package ...]
// The scope of this repository is partly taken on npm by others, so who publishes names a scope of their own.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { must, run } from "./lib/run.ts";
import { pack, rescope } from "./lib/tarball.ts";
import { packages, scope } from "./lib/workspace.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { scope: { type: "string", default: scope }, "dry-run": { type: "boolean" }, out: { type: "string" } },
});

function chosen() {
  const all = packages().filter(({ manifest }) => manifest.private !== true);
  const unknown = positionals.filter((name) => !all.some(({ folder }) => folder === name));
  if (unknown.length > 0) throw new Error(`There is no package ${unknown.join(", ")} to release under packages/.`);
  return all.filter(({ folder }) => positionals.length === 0 || positionals.includes(folder));
}

async function release(): Promise<void> {
  if (!/^@[a-z0-9][a-z0-9-]*$/.test(values.scope))
    throw new Error(`${values.scope} is no npm scope: write it as @name.`);
  const selection = chosen();
  const out = values.out ?? mkdtempSync(join(tmpdir(), "orbit-release-"));
  await must("tsc", ["-b", ...selection.map(({ path }) => path)]);
  for (const { path, manifest } of selection) {
    const name = manifest.name.replace(`${scope}/`, `${values.scope}/`);
    const known =
      !values["dry-run"] && (await run("npm", ["view", `${name}@${manifest.version}`, "version"])).output.trim();
    if (known === manifest.version) {
      process.stdout.write(`${name}@${manifest.version} is published already\n`);
      continue;
    }
    const packed = await pack(path, out);
    const tarball = values.scope === scope ? packed : await rescope(packed, scope, values.scope);
    if (!values["dry-run"]) await must("npm", ["publish", tarball, "--access", "public"], { live: true });
    process.stdout.write(`${name}@${manifest.version} ${values["dry-run"] ? "packed" : "published"}: ${tarball}\n`);
  }
}

try {
  await release();
} catch (cause) {
  process.stderr.write(`${cause instanceof Error ? cause.message : String(cause)}\n`);
  process.exitCode = 1;
}
