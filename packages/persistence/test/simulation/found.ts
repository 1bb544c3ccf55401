import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { ABLATIONS } from "./ablations/index.ts";

/** Where a campaign found an ablation: at a seed, or by its schedule. */
export interface Found {
  readonly seed?: number;
  readonly violation: string;
}

const FILE = join(import.meta.dirname, "ablations/found.json");
const DOC = join(import.meta.dirname, "../../../../docs/simulation.md");
const [BEGIN, END] = ["<!-- ablations -->\n", "<!-- /ablations -->"];

export function readFound(): Readonly<Record<string, Found>> {
  return JSON.parse(readFileSync(FILE, "utf8")) as Record<string, Found>;
}

/** Writes where an ablation was found, for `npm test` to replay, and the table of docs/simulation.md. */
export function record(name: string, found: Found): void {
  const before = readFound();
  const all = Object.fromEntries(
    ABLATIONS.flatMap((each) => {
      const entry = each.name === name ? found : before[each.name];
      return entry === undefined ? [] : [[each.name, entry] as const];
    }),
  );
  writeFileSync(FILE, `${JSON.stringify(all, undefined, 2)}\n`);
  const [head = "", rest = ""] = readFileSync(DOC, "utf8").split(BEGIN);
  writeFileSync(DOC, `${head}${BEGIN}\n${tableOf(all)}\n${END}${rest.split(END)[1] ?? ""}`);
}

export function tableOf(found: Readonly<Record<string, Found>>): string {
  const rows = ABLATIONS.map(({ rule, name, schedule }) => {
    const entry = found[name];
    const where = schedule === undefined ? `seed ${entry?.seed ?? "?"}` : `schedule: ${schedule}`;
    return `| ${rule === 0 ? "store" : rule} | ${name} | ${where} | ${/^\([a-f]\)/.exec(entry?.violation ?? "")?.[0] ?? ""} |`;
  });
  return `| rule | switched off | found at | broken |\n| --- | --- | --- | --- |\n${rows.join("\n")}\n`;
}
