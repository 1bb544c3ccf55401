import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { must } from "./run.ts";
import { pnpm } from "./workspace.ts";

/** Packs a package as it would be published and gives the tarball's path. */
export async function pack(folder: string, out: string): Promise<string> {
  const before = new Set(mkdirSync(out, { recursive: true }) === undefined ? readdirSync(out) : []);
  await must("npx", [...pnpm, "pack", "--pack-destination", out], { cwd: folder });
  const name = readdirSync(out).find((file) => !before.has(file));
  if (name === undefined) throw new Error(`Packing ${folder} left no new tarball in ${out}.`);
  return join(out, name);
}

/** Files whose text may name a package of this workspace. */
const TEXT = /\.(js|ts|json|map|md)$/;

/**
 * Puts one npm scope in the place of another, in the names, dependencies, imports and documentation of a packed package,
 * and gives the path of the new tarball. The old one is removed.
 */
export async function rescope(tarball: string, from: string, to: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "orbit-rescope-"));
  // Ends at a quote, a slash or a backtick: "@orbit" and "@orbit/persistence" are the scope, "@orbital" is not.
  const name = new RegExp(`${from}(?=["'\`/])`, "g");
  try {
    await must("tar", ["-xzf", tarball, "-C", folder]);
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || !TEXT.test(entry.name)) continue;
      const path = join(entry.parentPath, entry.name);
      writeFileSync(path, readFileSync(path, "utf8").replaceAll(name, to));
    }
    const renamed = tarball.replace(/[^/\\]+$/, (file) => file.replace(`${from.slice(1)}-`, `${to.slice(1)}-`));
    rmSync(tarball);
    await must("tar", ["-czf", renamed, "-C", folder, "package"]);
    return renamed;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
