import { expect, test } from "vitest";

import { simulate } from "./simulation/run.ts";

const SEEDS = 1_000;

test(`${SEEDS} simulated schedules keep every promise of the lease protocol`, { timeout: 120_000 }, async () => {
  let grants = 0;
  let acknowledged = 0;
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const outcome = await simulate(seed);
    expect(outcome.violation, `replay: pnpm soak sim --seed ${seed} --trace`).toBeUndefined();
    grants += outcome.grants;
    acknowledged += outcome.acknowledged;
  }
  // A simulation in which nothing happens proves nothing.
  expect(grants).toBeGreaterThan(SEEDS * 10);
  expect(acknowledged).toBeGreaterThan(SEEDS * 10);
});

test("a seed replays to the same trace", async () => {
  const [first, second] = [await simulate(7), await simulate(7)];
  expect(first.trace.length).toBeGreaterThan(100);
  expect(second.trace).toEqual(first.trace);
});
