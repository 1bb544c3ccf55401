// Everything that must hold before a change lands, in one order everywhere: a developer's machine and CI run this.
// Usage: pnpm verify [--only step,step]
import { rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { installPrograms } from "./lib/programs.ts";
import { type Outcome, run } from "./lib/run.ts";
import { countFile, summaryLine } from "./lib/summary.ts";
import { pnpm } from "./lib/workspace.ts";

/** Where vitest tells its counts. Of this run alone: a test may run this program too. */
const report = join(tmpdir(), `orbit-verify-${process.pid}.json`);

/** Runs the commands one after another up to the first that fails. */
async function inTurn(...commands: readonly (readonly [string, ...string[]])[]): Promise<Outcome> {
  let output = "";
  for (const [command, ...args] of commands) {
    const outcome = await run(command, args);
    output += outcome.output;
    if (outcome.code !== 0) return { code: outcome.code, output };
  }
  return { code: 0, output };
}

/**
 * Runs a task of every package through turbo, which skips the packages that did not change since it last passed. The
 * tasks read dist, so it is built first: turbo would remember what an old one said.
 */
async function task(name: string): Promise<Outcome> {
  const built = await run("tsc", ["-b"]);
  if (built.code !== 0) return built;
  // Loose: certificates and registry settings of the machine must reach what turbo runs.
  const args = ["turbo", "run", name, "--env-mode=loose", "--ui=stream", "--output-logs=errors-only", "--continue"];
  return run("npx", [...pnpm, "exec", ...args], {
    env: { TURBO_TELEMETRY_DISABLED: "1", TURBO_NO_UPDATE_NOTIFIER: "1" },
  });
}

async function tests(): Promise<Outcome> {
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  // Live, because it is the one long step: whoever waits wants to see it move.
  return run("vitest", ["run", ...reporters], { live: true });
}

async function audit(): Promise<Outcome> {
  const outcome = await run("npx", [...pnpm, "audit", "--audit-level", "high"]);
  // pnpm's own error code means that nobody answered, which is no finding about the dependencies.
  if (outcome.code === 0 || !/ERR_PNPM_|ENOTFOUND|ECONNREFUSED|ETIMEDOUT|EAI_AGAIN/.test(outcome.output))
    return outcome;
  process.stdout.write("NOT CHECKED: the audit endpoint of the package registry gave no answer.\n");
  return { code: 0, output: "" };
}

const steps: ReadonlyMap<string, () => Promise<Outcome>> = new Map([
  ["install", () => run("npx", [...pnpm, "install", "--frozen-lockfile"])],
  ["format", () => run("oxfmt", ["--check", "."])],
  ["lint", () => run("oxlint", ["--type-aware", "--deny-warnings", "--report-unused-disable-directives"])],
  ["types", () => run("tsc", ["-b"])],
  ["unused", () => inTurn(["knip", "--no-config-hints"], ["sherif"])],
  ["programs", installPrograms],
  ["tests", tests],
  ["api", () => task("api:check")],
  ["package", () => task("package:check")],
  ["audit", audit],
]);

/** Gives the steps to run in their fixed order, which holds for a choice too: a later step builds on an earlier one. */
function chosen(): readonly (readonly [string, () => Promise<Outcome>])[] {
  const { values } = parseArgs({ options: { only: { type: "string" } }, allowPositionals: false });
  const names = values.only?.split(",") ?? [...steps.keys()];
  const unknown = names.filter((name) => !steps.has(name));
  if (unknown.length > 0) {
    throw new Error(`There is no step ${unknown.join(", ")}: choose from ${[...steps.keys()].join(", ")}.`);
  }
  return [...steps].filter(([name]) => names.includes(name));
}

/** Runs the steps and says whether one was red. */
async function verify(selection: ReturnType<typeof chosen>): Promise<boolean> {
  for (const [name, step] of selection) {
    const started = performance.now();
    const { code, output } = await step();
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    process.stdout.write(`${code === 0 ? "ok  " : "FAIL"} ${name} (${seconds} s)\n`);
    if (code !== 0) {
      process.stdout.write(`${output}\n`);
      return true;
    }
  }
  return false;
}

try {
  const red = await verify(chosen());
  const line = summaryLine(countFile(report), red);
  rmSync(report, { force: true });
  process.stdout.write(`${line}\n`);
  // .ci/run prints this line last, after whatever npm has to say about the exit code.
  if (process.env["ORBIT_SUMMARY"]) writeFileSync(process.env["ORBIT_SUMMARY"], `${line}\n`);
  process.exitCode = red ? 1 : 0;
} catch (cause) {
  process.stderr.write(`${cause instanceof Error ? cause.message : String(cause)}\n`);
  process.exitCode = 1;
}
