import { beforeEach, expect, test } from "vitest";

import { BackupBench, PATH } from "./backup-bench.ts";
import { failure } from "./fake-disk.ts";

let bench: BackupBench;

beforeEach(() => {
  bench = new BackupBench();
});

test("fences never fall, whatever was lost with the process", async () => {
  let highest = 0n;
  for (let round = 0; round < 5; round += 1) {
    const driver = await bench.opened();
    for (let count = 0; count < 10; count += 1) {
      const fence = (await driver.nextFence?.(round === 2 ? highest + 5_000_000n : 0n)) ?? 0n;
      expect(fence).toBeGreaterThan(highest);
      highest = fence;
    }
    // The wall clock steps back an hour, and power fails.
    bench.clock.stepWall(-3_600_000);
    bench.powerFails(0);
  }
});

test("no fence is given out that was not reserved, and a block of them costs one reservation", async () => {
  const driver = await bench.opened();
  bench.disk.fault = (operation) => (operation === "sync" ? failure("ENOSPC") : undefined);
  await expect(driver.nextFence?.(0n)).rejects.toMatchObject({ code: "FULL" });
  bench.disk.fault = () => undefined;
  const first = (await driver.nextFence?.(0n)) ?? 0n;
  const { operations } = bench.disk;
  await Promise.all(Array.from({ length: 1000 }, async () => driver.nextFence?.(0n)));
  expect(bench.disk.operations).toBe(operations);
  const both = await Promise.all([driver.nextFence?.(first + 2n ** 20n), driver.nextFence?.(first + 2n ** 22n)]);
  expect(both[1]).toBeGreaterThan(both[0] ?? 0n);
  await driver.close();
});

test("a damaged file of fences is refused: going on could give a number out again", async () => {
  const driver = await bench.opened();
  await driver.nextFence?.(0n);
  await driver.close();
  const damaged = bench.disk.bytesOf(`${PATH}.fences`);
  damaged[13] = (damaged[13] ?? 0) ^ 1;
  bench.disk.put(`${PATH}.fences`, damaged);
  await expect(bench.make().open()).rejects.toMatchObject({
    code: "CORRUPT",
    message: expect.stringContaining(".fences"),
  });
  await bench.disk.unlink(`${PATH}.fences`);
  expect(await bench.found()).toEqual({});
});
