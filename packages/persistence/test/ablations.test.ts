import { describe, expect, test } from "vitest";

import { ABLATIONS } from "./simulation/ablations/index.ts";
import { readFound } from "./simulation/found.ts";
import { mutate, search } from "./simulation/mutant.ts";
import { playSchedule, SCHEDULE_NAMES } from "./simulation/schedules.ts";

// A change of the sources moves what a seed plays: then some seeds from the recorded one on find the break as well.
const SEEDS = 200;

describe("with a rule of the protocol switched off, the simulation finds the break", () => {
  const found = readFound();
  test.for(ABLATIONS)("rule $rule: $name", { timeout: 120_000 }, async (ablation) => {
    const first = found[ablation.name]?.seed ?? 1;
    const seeds = Array.from({ length: SEEDS }, (_, n) => first + n);
    const hint = `not found any more: run pnpm soak ablations --record --only ${JSON.stringify(ablation.name)}`;
    expect(await search(await mutate(ablation), ablation, seeds), hint).toBeDefined();
  });
});

test.for(SCHEDULE_NAMES)("the protocol as it is stands: %s", async (name) => {
  expect(await playSchedule(name)).toBeUndefined();
});

test("an ablation whose edit no longer fits the source is an error", async () => {
  const edits = [{ file: "src/directory/grants.ts", find: "no such line", replace: "" }];
  await expect(mutate({ name: "stale", edits })).rejects.toThrow(/found 0 times in src\/directory\/grants.ts/);
});
