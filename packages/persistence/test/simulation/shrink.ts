import { type Outcome, simulate } from "./run.ts";
import { PLAIN, type Scenario } from "./scenario.ts";

/** Each key of the plain scenario on its own. */
const SIMPLER: readonly Partial<Scenario>[] = Object.entries(PLAIN).map(([key, plain]) => ({ [key]: plain }));

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
