import { spawnSync } from "node:child_process";
// Measures ratios: ours and what it is compared with, interleaved in one run. Figures never fail a run.
// Usage: pnpm bench [NAME ...] [--quick]
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { type Effort, FULL, QUICK } from "./lib/measure.ts";
import { fillIn, toMarkdown } from "./lib/report.ts";
import { machine, type Measured, type Result, warningFor } from "./lib/result.ts";
import { btreePeers } from "./suites/btree-peers.ts";
import { btreeWrites } from "./suites/btree.ts";
import { calls } from "./suites/calls.ts";
import { kernel } from "./suites/kernel.ts";
import { leases } from "./suites/leases.ts";
import { memoryPeers } from "./suites/memory-peers.ts";

const SUITES: Readonly<Record<string, (effort: Effort) => Promise<Measured>>> = {
  calls,
  kernel,
  leases,
  btree: btreeWrites,
  "memory-peers": memoryPeers,
  "btree-peers": btreePeers,
};
const DOCUMENT = join(import.meta.dirname, "..", "docs", "benchmarks.md");
const RESULTS = join(import.meta.dirname, "results");

const { values, positionals } = parseArgs({ options: { quick: { type: "boolean" } }, allowPositionals: true });
const unknown = positionals.filter((name) => !(name in SUITES));
const names = positionals.length === 0 ? Object.keys(SUITES) : positionals;
if (unknown.length > 0) {
  console.error(`There is no benchmark ${unknown.join(", ")}: choose from ${Object.keys(SUITES).join(", ")}.`);
  process.exitCode = 2;
} else if (names.length > 1) {
  // A process each: what the engine learned in one must not tell in the next.
  for (const name of names) {
    const flags = values.quick === true ? ["--quick"] : [];
    const { status } = spawnSync(process.execPath, ["--expose-gc", import.meta.filename, name, ...flags], {
      stdio: "inherit",
    });
    if (status !== 0) process.exitCode = 1;
  }
} else {
  for (const name of names) await run(name, values.quick ?? false);
}

async function run(name: string, quick: boolean): Promise<void> {
  const facts = machine();
  const warning = name === "calls" ? undefined : warningFor(facts);
  if (warning !== undefined) console.error(`\nWARNING: ${warning}.\n`);
  if (globalThis.gc === undefined) console.error("\nWARNING: run node with --expose-gc, as pnpm bench does.\n");
  const measured = await SUITES[name]?.(quick ? QUICK : FULL);
  const result: Result = { name, machine: facts, ...(warning === undefined ? {} : { warning }), ...measured };
  const markdown = toMarkdown(result);
  console.log(markdown, "\n");
  if (quick) return;
  mkdirSync(RESULTS, { recursive: true });
  writeFileSync(join(RESULTS, `${name}.json`), `${JSON.stringify(result, null, 2)}\n`);
  writeFileSync(DOCUMENT, fillIn(readFileSync(DOCUMENT, "utf8"), name, markdown));
}
