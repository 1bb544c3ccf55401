import { setTimeout as sleep } from "node:timers/promises";

import { seededRandom } from "@orbit/persistence/testing";

import { btree } from "../../src/index.ts";
import { startChild } from "./child.ts";

export interface KillCampaign {
  /** An empty directory. */
  readonly path: string;
  readonly runs: number;
  readonly seed: number;
}

export interface KillReport {
  /** Writes that were acknowledged before a kill, and checked after it. */
  readonly acknowledged: number;
  /** What was wrong, with the run that shows it. Empty when all is well. */
  readonly faults: readonly string[];
}

/**
 * Kills a process that writes under load, at random moments, and opens the directory after each: every write that it
 * had acknowledged must be there, and no commit by half. Ends at the first fault, with the directory as it was found.
 */
export async function killCampaign({ path, runs, seed }: KillCampaign): Promise<KillReport> {
  const random = seededRandom(seed);
  const counts = new Map<string, number>();
  const faults: string[] = [];
  let acknowledged = 0;
  for (let run = 1; run <= runs; run += 1) {
    const child = startChild("writer-child.ts", [path, String(run)]);
    const commits = new Map<string, number>();
    if ((await child.line()) !== "open") {
      faults.push(`run ${run}: the child did not open: ${child.errors()}`);
      break;
    }
    const reading = (async () => {
      for (let line = await child.line(); line !== undefined; line = await child.line()) {
        // A kill can cut the last line off.
        const match = /^(count-\d+) (\d+)$|^(commit-\d+) \d+\.(\d+)$/.exec(line);
        if (match === null) continue;
        acknowledged += 1;
        if (match[1] !== undefined) {
          const [before, count] = [counts.get(match[1]) ?? 0, Number(match[2])];
          if (count <= before) faults.push(`run ${run}: ${match[1]} fell from ${before} to ${count}`);
          counts.set(match[1], count);
        }
        if (match[3] !== undefined) commits.set(match[3], Number(match[4]));
      }
    })();
    await sleep(random.number() * 150);
    await child.kill("SIGKILL");
    await reading;
    if (child.errors() !== "") faults.push(`run ${run}: the child wrote ${child.errors()}`);
    faults.push(...(await check(path, run, counts, commits)));
    // What follows a loss shows nothing new, and would write over its traces.
    if (faults.length > 0) break;
  }
  return { acknowledged, faults };
}

async function check(
  path: string,
  run: number,
  counts: Map<string, number>,
  commits: ReadonlyMap<string, number>,
): Promise<string[]> {
  const driver = btree({ path });
  await driver.open();
  const read = async (key: string): Promise<string> => Buffer.from((await driver.get(key))?.value ?? []).toString();
  const faults: string[] = [];
  try {
    for (const [key, count] of counts) {
      const found = Number(await read(key));
      if (found < count) faults.push(`run ${run}: ${key} was acknowledged at ${count}, found ${found}`);
      // One more may be there than was acknowledged.
      counts.set(key, Math.max(found, count));
    }
    for (let worker = 0; worker < 8; worker += 1) {
      const key = `commit-${worker}`;
      const parts = await Promise.all(["a", "m", "z"].map((part) => read(`${part}-${key}`)));
      if (new Set(parts).size > 1) faults.push(`run ${run}: ${key} is there by half: ${parts.join(" ")}`);
      const [inRun, number] = (parts[0] ?? "").split(".").map(Number);
      const expected = commits.get(key);
      if (expected !== undefined && (inRun !== run || (number ?? 0) < expected)) {
        faults.push(`run ${run}: ${key} was acknowledged at ${run}.${expected}, found ${parts[0]}`);
      }
    }
    for await (const page of driver.scan({ prefix: "" })) void page.length;
  } finally {
    await driver.close();
  }
  return faults;
}
