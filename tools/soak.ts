// Runs a long campaign by name: pnpm soak NAME [its own flags]. `npm test` runs a slice of each.
import { spawnSync } from "node:child_process";

const CAMPAIGNS: Readonly<Record<string, { readonly file: string; readonly about: string }>> = {
  sim: {
    file: "packages/persistence/test/simulation/main.ts",
    about: "leases under a simulated clock, network and store: --seeds N --seed S, --trace replays one",
  },
  ablations: {
    file: "packages/persistence/test/simulation/ablate.ts",
    about:
      "the same with one rule switched off at a time, which must be found: --seeds N --seed S --only TEXT --record",
  },
  "btree-kill": {
    file: "packages/persistence-btree/test/support/kill-main.ts",
    about: "kill -9 under load, then every acknowledged write must be there: --runs N --seed S",
  },
};

const [name = "", ...flags] = process.argv.slice(2);
const campaign = CAMPAIGNS[name];
if (campaign === undefined) {
  const lines = Object.entries(CAMPAIGNS).map(([each, { about }]) => `  ${each.padEnd(12)} ${about}`);
  console.error(`usage: pnpm soak NAME [flags]\n${lines.join("\n")}`);
  process.exitCode = 2;
} else {
  process.exitCode = spawnSync(process.execPath, [campaign.file, ...flags], { stdio: "inherit" }).status ?? 1;
}
