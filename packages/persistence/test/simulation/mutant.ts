import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import type { Ablation } from "./ablations/index.ts";
import type { simulate } from "./run.ts";
import type { playSchedule } from "./schedules.ts";

const root = join(import.meta.dirname, "../..");
/** Inside the package, so that its dependencies resolve; not in node_modules, where types are not stripped. */
const folder = join(root, ".mutants");

/** The simulation of the mutated sources. */
export interface Mutant {
  readonly simulate: typeof simulate;
  readonly playSchedule: typeof playSchedule;
}

/**
 * Copies the sources with one rule edited out and loads their simulation. Throws when an edit no longer fits: then the
 * ablation must be written anew.
 */
export async function mutate({ name, edits }: Pick<Ablation, "name" | "edits">): Promise<Mutant> {
  mkdirSync(folder, { recursive: true });
  const copy = mkdtempSync(join(folder, "m-"));
  try {
    cpSync(join(root, "src"), join(copy, "src"), { recursive: true });
    cpSync(import.meta.dirname, join(copy, "test/simulation"), { recursive: true });
    writeFileSync(join(copy, "package.json"), '{ "type": "module" }\n');
    for (const { file, find, replace } of edits) {
      const parts = readFileSync(join(copy, file), "utf8").split(find);
      if (parts.length !== 2) {
        throw new Error(`"${name}": found ${parts.length - 1} times in ${file}, expected once:\n${find}`);
      }
      writeFileSync(join(copy, file), parts.join(replace));
    }
    const load = (file: string): Promise<unknown> => import(pathToFileURL(join(copy, "test/simulation", file)).href);
    return { ...((await load("run.ts")) as Mutant), ...((await load("schedules.ts")) as Mutant) };
  } finally {
    rmSync(copy, { recursive: true });
  }
}

/** Plays the ablation's schedule, or the seeds one after the other; tells what broke first. */
export async function search(
  mutant: Mutant,
  { schedule }: Ablation,
  seeds: Iterable<number>,
): Promise<{ readonly seed?: number; readonly violation: string } | undefined> {
  if (schedule !== undefined) {
    const violation = await mutant.playSchedule(schedule);
    return violation === undefined ? undefined : { violation };
  }
  for (const seed of seeds) {
    const { violation } = await mutant.simulate(seed);
    // A crash of the mutant proves nothing.
    if (violation?.startsWith("(") === true) return { seed, violation: violation.split("\n")[0] ?? "" };
  }
  return undefined;
}
