import { expect, test } from "vitest";

import { killCampaign } from "./support/kill-campaign.ts";
import { tempDirectory } from "./support/open.ts";

const RUNS = Number(process.env["ORBIT_BTREE_KILLS"] ?? 10);

test(
  "kill -9 under load loses no acknowledged write and halves no commit",
  async () => {
    const seed = Number(process.env["ORBIT_SEED"] ?? Date.now() % 2 ** 31);
    const report = await killCampaign({ path: tempDirectory(), runs: RUNS, seed });
    expect(report.faults, `ORBIT_SEED=${seed}`).toEqual([]);
    expect(report.acknowledged).toBeGreaterThan(RUNS);
  },
  20_000 + RUNS * 2000,
);
