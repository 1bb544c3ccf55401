import { parseArgs } from "node:util";

import { simulate } from "./run.ts";
import { shrink } from "./shrink.ts";

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "1000" },
    seed: { type: "string", default: "1" },
    trace: { type: "boolean", default: false },
  },
});
const first = Number(values.seed);
const count = values.trace ? 1 : Number(values.seeds);
const start = performance.now();
let [grants, acknowledged, events, failed] = [0, 0, 0, 0];
for (let seed = first; seed < first + count; seed += 1) {
  const outcome = await simulate(seed);
  grants += outcome.grants;
  acknowledged += outcome.acknowledged;
  events += outcome.events;
  if (outcome.violation === undefined) {
    if (values.trace) console.log(outcome.trace.join("\n"));
    continue;
  }
  failed += 1;
  const least = await shrink(outcome);
  console.log(least.trace.join("\n"));
  console.log(
    `seed ${seed}: ${least.violation}\nreplay: pnpm soak sim --seed ${seed} --trace\n${JSON.stringify(least.scenario)}`,
  );
  if (failed === 5) break;
}
const seconds = ((performance.now() - start) / 1000).toFixed(0);
console.log(
  `${count} seeds from ${first}: ${failed} violations; ${events} events, ${grants} grants, ${acknowledged} acknowledged writes, ${seconds} s`,
);
process.exitCode = failed === 0 ? 0 : 1;
