// Searches, for each rule switched off, the first seed whose simulation breaks a promise.
import { parseArgs } from "node:util";

import { ABLATIONS } from "./ablations.ts";
import { mutate } from "./mutant.ts";

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "50000" },
    seed: { type: "string", default: "1" },
    only: { type: "string", default: "" },
  },
});
const [first, count] = [Number(values.seed), Number(values.seeds)];
let missed = 0;
for (const ablation of ABLATIONS.filter(({ name }) => name.includes(values.only))) {
  const simulate = await mutate(ablation);
  let found: string | undefined;
  for (let seed = first; seed < first + count && found === undefined; seed += 1) {
    const { violation } = await simulate(seed);
    if (violation !== undefined) found = `seed ${seed}: ${violation.split("\n")[0]}`;
  }
  if (found === undefined) missed += 1;
  console.log(`rule ${ablation.rule}, ${ablation.name}: ${found ?? `not found in ${count} seeds`}`);
}
process.exitCode = missed === 0 ? 0 : 1;
