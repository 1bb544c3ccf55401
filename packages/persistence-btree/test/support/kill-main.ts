import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { killCampaign } from "./kill-campaign.ts";

const { values } = parseArgs({
  options: { runs: { type: "string", default: "200" }, seed: { type: "string", default: "1" } },
});
const path = mkdtempSync(join(tmpdir(), "btree-kill-"));
const runs = Number(values.runs);
const { acknowledged, faults } = await killCampaign({ path, runs, seed: Number(values.seed) });
console.log(
  [...faults, `${runs} kills, seed ${values.seed}: ${acknowledged} acknowledged writes, ${faults.length} faults`].join(
    "\n",
  ),
);
// What was found wrong stays to be looked at.
if (faults.length === 0) rmSync(path, { recursive: true });
else console.log(`the directory is left at ${path}`);
process.exitCode = faults.length === 0 ? 0 : 1;
