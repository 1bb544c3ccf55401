import { createStore } from "@orbit/persistence";
import type { StoreDriver } from "@orbit/persistence/driver";
import { manualClock } from "@orbit/persistence/testing";
import { describe, expect, test, vi } from "vitest";

import { btree } from "../src/index.ts";
import { bytes, openBtree, tempDirectory } from "./support/open.ts";

const HOUR = 3_600_000;

async function ageOf(driver: StoreDriver, key: string): Promise<number> {
  const age = (await driver.get(key))?.ageMs;
  if (age === undefined) throw new Error(`no age of ${key}`);
  return age;
}

describe("the store's clock", () => {
  test("an age is the monotonic time since the write, rounded down, in every answer", async () => {
    let now = 5000.4;
    const driver = await openBtree(tempDirectory(), undefined, { now: () => now });
    await driver.put("k", bytes("v"), "absent");
    now += 1234.9;
    expect(await ageOf(driver, "k")).toBe(1234);
    expect(await driver.put("k", bytes("v"), "absent")).toMatchObject({ ok: false, current: { ageMs: 1234 } });
    expect(await driver.commit?.([{ key: "k", when: "absent" }], [])).toMatchObject({
      ok: false,
      conflicts: [{ current: { ageMs: 1234 } }],
    });
    for await (const page of driver.scan({ prefix: "" })) expect(page.map(({ ageMs }) => ageMs)).toEqual([1234]);
    await driver.put("k", bytes("v"), "always");
    expect(await ageOf(driver, "k")).toBe(0);
  });

  test("steps of the wall clock change no age", async () => {
    const clock = manualClock();
    const driver = await openBtree(tempDirectory(), undefined, { now: () => clock.now() });
    const wall = vi.spyOn(Date, "now").mockImplementation(() => clock.wall());
    try {
      await driver.put("k", bytes("v"), "absent");
      for (const step of [HOUR, -2 * HOUR]) {
        clock.stepWall(step);
        await clock.advance(1000);
      }
      expect(await ageOf(driver, "k")).toBe(2000);
    } finally {
      wall.mockRestore();
    }
  });

  test("it goes on after a restart, also where the host's clock starts anew, and stands still in between", async () => {
    const path = tempDirectory();
    let now = 10 * HOUR;
    const first = await openBtree(path, undefined, { now: () => now });
    await first.put("k", bytes("v"), "absent");
    now += 3000;
    await first.close();
    // A long outage on the same boot of the host.
    now += 7 * HOUR;
    const second = await openBtree(path, undefined, { now: () => now });
    expect(await ageOf(second, "k")).toBe(3000);
    now += 500;
    expect(await ageOf(second, "k")).toBe(3500);
    await second.close();
    // A reboot: the monotonic clock of the host begins again.
    now = 7;
    const third = await openBtree(path, undefined, { now: () => now });
    now += 1500;
    expect(await ageOf(third, "k")).toBe(5000);
    await third.put("new", bytes("v"), "absent");
    expect(await ageOf(third, "new")).toBe(0);
  });

  test("drivers of one process read one clock", async () => {
    const path = tempDirectory();
    let now = 100;
    const runtime = { now: () => now };
    const first = await openBtree(path, undefined, runtime);
    now += 4000;
    const second = await openBtree(path, undefined, runtime);
    await second.put("k", bytes("v"), "absent");
    now += 250;
    expect([await ageOf(first, "k"), await ageOf(second, "k")]).toEqual([250, 250]);
    await first.close();
    expect(await ageOf(second, "k")).toBe(250);
  });

  test("ages never run ahead of the time that passed, whatever is closed, opened and read", async () => {
    const path = tempDirectory();
    let now = 0;
    let passed = 0;
    const writtenAt = new Map<string, number>();
    let driver = await openBtree(path, undefined, { now: () => now });
    for (let round = 0; round < 60; round += 1) {
      const step = (round * 7919) % 977;
      now += step;
      passed += step;
      const key = `k${round % 5}`;
      if (round % 3 === 0) {
        writtenAt.set(key, passed);
        await driver.put(key, bytes("v"), "always");
      }
      if (round % 7 === 6) {
        await driver.close();
        passed += 5000;
        now = round % 2 === 0 ? 0 : now + 5000;
        driver = await openBtree(path, undefined, { now: () => now });
      }
      for (const [each, at] of writtenAt) expect(await ageOf(driver, each)).toBeLessThanOrEqual(passed - at);
    }
  });

  test("the core judges by it: a store over btree reports the age", async () => {
    let now = 0;
    await using store = await createStore(btree({ path: tempDirectory() }, { now: () => now }));
    await store.put("k", bytes("v"), "absent");
    now += 60_000;
    expect((await store.get("k"))?.ageMs).toBe(60_000);
  });
});
