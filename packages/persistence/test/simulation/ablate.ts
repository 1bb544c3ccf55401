// Searches, for each rule switched off, the first seed whose simulation breaks a promise.
import { parseArgs } from "node:util";

import { ABLATIONS } from "./ablations/index.ts";
import { record } from "./found.ts";
import { mutate, search } from "./mutant.ts";

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "50000" },
    seed: { type: "string", default: "1" },
    only: { type: "string", default: "" },
    record: { type: "boolean", default: false },
  },
});
const [first, count] = [Number(values.seed), Number(values.seeds)];
let missed = 0;
for (const ablation of ABLATIONS.filter(({ name }) => name.includes(values.only))) {
  const seeds = Array.from({ length: count }, (_, n) => first + n);
  const found = await search(await mutate(ablation), ablation, seeds);
  const where = found?.seed === undefined ? "by its schedule" : `seed ${found.seed}`;
  console.log(
    `rule ${ablation.rule}, ${ablation.name}: ${found === undefined ? `not found in ${count} seeds` : `${where}: ${found.violation}`}`,
  );
  if (found === undefined) missed += 1;
  else if (values.record) record(ablation.name, found);
}
process.exitCode = missed === 0 ? 0 : 1;
