import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import type { Ablation } from "./ablations.ts";
import type { simulate } from "./run.ts";

const root = join(import.meta.dirname, "../..");
/** Inside the package, so that its dependencies resolve; not in node_modules, where types are not stripped. */
const folder = join(root, ".mutants");

/**
 * Copies the sources with one rule edited out and returns their simulation. Throws when an edit no longer fits: then the
 * ablation must be written anew.
 */
export async function mutate(ablation: Ablation): Promise<typeof simulate> {
  mkdirSync(folder, { recursive: true });
  const copy = mkdtempSync(join(folder, "m-"));
  cpSync(join(root, "src"), join(copy, "src"), { recursive: true });
  cpSync(import.meta.dirname, join(copy, "test/simulation"), { recursive: true });
  writeFileSync(join(copy, "package.json"), '{ "type": "module" }\n');
  for (const { file, find, replace } of ablation.edits) {
    const text = readFileSync(join(copy, file), "utf8");
    const parts = text.split(find);
    if (parts.length !== 2) {
      throw new Error(`"${ablation.name}": found ${parts.length - 1} times in ${file}, expected once:\n${find}`);
    }
    writeFileSync(join(copy, file), parts.join(replace));
  }
  const module: unknown = await import(pathToFileURL(join(copy, "test/simulation/run.ts")).href);
  rmSync(copy, { recursive: true });
  return (module as { simulate: typeof simulate }).simulate;
}
