import { type Outcome, simulate } from "./run.ts";
import type { Scenario } from "./scenario.ts";

const SIMPLER: readonly Partial<Scenario>[] = [
  { twins: false },
  { brokenClocks: false },
  { granularityMs: 1 },
  { crashes: false },
  { pauses: false },
  { suspends: false },
  { wallSteps: false },
  { sweep: false },
  { ownTtl: 0 },
  { stores: 1 },
  { addressables: 1 },
  { records: 1 },
  { processes: 2 },
  { honoursDeletes: true },
  { commit: false },
  { clock: "server-ttl" },
];

/** Switches off whatever the violation does not need, and keeps the run with the shortest trace. */
export async function shrink(failed: Outcome): Promise<Outcome> {
  let least = failed;
  for (let smaller = true; smaller;) {
    smaller = false;
    for (const change of SIMPLER) {
      const scenario = { ...least.scenario, ...change };
      if (JSON.stringify(scenario) === JSON.stringify(least.scenario)) continue;
      const outcome = await simulate(least.seed, scenario);
      if (outcome.violation === undefined || outcome.trace.length > least.trace.length) continue;
      least = outcome;
      smaller = true;
    }
  }
  return least;
}
