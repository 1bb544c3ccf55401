import { readdirSync, rmSync, writeFileSync } from "node:fs";

import { createStore } from "@orbit/persistence";
import { type StoreDriver, StoreError, type WriteOp } from "@orbit/persistence/driver";
import { describe, expect, test, vi } from "vitest";

import { btree } from "../src/index.ts";
import { openBtree, tempDirectory } from "./support/open.ts";
import { canMount, smallDisk } from "./support/tmpfs.ts";

const MiB = 2 ** 20;

/** Of one length, so that all entries count alike. */
const keyOf = (index: number): string => `key-${String(index).padStart(6, "0")}`;

/** Creates entries until one is refused, and returns that refusal and how many there are. */
async function fill(driver: StoreDriver, bytes: number, from = 0): Promise<{ error: StoreError; count: number }> {
  const atOnce = Math.max(1, Math.floor(20_000 / bytes));
  for (let count = from; ;) {
    const ops = Array.from({ length: atOnce }, (_, index): WriteOp => {
      return { type: "put", key: keyOf(count + index), value: new Uint8Array(bytes), when: "absent" };
    });
    const answers = (await driver.write?.(ops).catch((error: unknown) => [error])) ?? [];
    const refused = answers.findIndex((answer) => StoreError.is(answer));
    const error = answers[refused];
    if (StoreError.is(error)) return { error, count: count + refused };
    count += atOnce;
  }
}

async function expectAll(driver: StoreDriver, count: number, bytes: number): Promise<void> {
  let found = 0;
  for await (const page of driver.scan({ prefix: "key-" })) {
    found += page.length;
    expect(page.every(({ value }) => value.length === bytes)).toBe(true);
  }
  expect(found).toBe(count);
}

describe("map_size reached", () => {
  test.each([
    ["small", 40],
    ["large", 20_000],
  ])("with %s entries: writes are FULL, reads, updates and deletes go on", async (_, bytes) => {
    const path = tempDirectory();
    const driver = await openBtree(path, MiB);
    const { error, count } = await fill(driver, bytes);
    expect(error).toMatchObject({ code: "FULL", outcome: "none", retryable: false });
    expect(error.message).toContain("raise map_size");
    expect(count * bytes).toBeGreaterThan(MiB / 8);
    await expectAll(driver, count, bytes);
    const { status, details } = await driver.health();
    expect({ status, entries: details?.["entries"] }).toEqual({ status: "degraded", entries: count });
    expect(Number(details?.["bytes"])).toBeLessThanOrEqual(MiB / 2);
    expect(Number(details?.["fileBytes"])).toBeLessThan(2 * MiB);

    // Renewals must go on in a full store.
    for (let round = 0; round < 50; round += 1) {
      const key = keyOf(round % 5);
      const version = (await driver.get(key))?.version;
      if (version === undefined) throw new Error(`${key} is gone`);
      expect(await driver.put(key, new Uint8Array(bytes), { version })).toMatchObject({ ok: true });
    }
    const ops: WriteOp[] = [
      { type: "put", key: keyOf(0), value: new Uint8Array(bytes), when: "always" },
      { type: "put", key: "new", value: new Uint8Array(MiB), when: "absent" },
    ];
    await expect(driver.commit?.([], ops)).rejects.toMatchObject({ code: "FULL" });
    expect(await driver.write?.(ops)).toMatchObject([{ ok: true }, { code: "FULL" }]);

    const half = Array.from({ length: Math.floor(count / 2) }, (_, index) => keyOf(2 * index));
    await driver.write?.(half.map((key) => ({ type: "delete", key, when: "always" })));
    expect((await fill(driver, bytes, count)).count).toBeGreaterThanOrEqual(count + Math.floor(count / 2));
  });

  test("health is degraded from 90 % and says what to do", async () => {
    const driver = await openBtree(tempDirectory(), 4 * MiB);
    expect((await driver.health()).status).toBe("healthy");
    await fill(driver, 30_000);
    const health = await driver.health();
    expect(health).toMatchObject({ status: "degraded", cause: expect.stringContaining("raise map_size") });
  });

  test("a full store still opens", async () => {
    const path = tempDirectory();
    const driver = await openBtree(path, MiB);
    const { count } = await fill(driver, 20_000);
    await fill(driver, 40);
    await driver.close();
    await using store = await createStore(btree({ path, mapSize: MiB }));
    await expect(store.put("more", new Uint8Array(40_000), "always")).rejects.toMatchObject({ code: "FULL" });
    const again = await openBtree(path, MiB);
    expect(await again.get(keyOf(count - 1))).toBeDefined();
  });
});

describe.runIf(canMount)("a full disk", () => {
  test("writes are FULL, reads go on, nothing is there by half, and it recovers when space is freed", async () => {
    const disk = smallDisk("4m");
    const path = `${disk}/data`;
    // lmdb itself prints failed commits.
    const printed = vi.spyOn(console, "error").mockImplementation(() => undefined);
    try {
      const driver = await openBtree(path);
      writeFileSync(`${disk}/other`, new Uint8Array(2 * MiB));
      const { error, count } = await fill(driver, 30_000);
      expect(error).toMatchObject({ code: "FULL", outcome: "none", retryable: false });
      expect(error.message).toContain("free space on the disk");
      expect((await driver.health()).cause).toContain("the disk is");
      await expectAll(driver, count, 30_000);

      // Many at once, all refused, none by half.
      const ops = ["a", "b", "c"].map((key): WriteOp => {
        return { type: "put", key: `commit-${key}`, value: new Uint8Array(200_000), when: "absent" };
      });
      const refusals = await Promise.allSettled(Array.from({ length: 10 }, async () => driver.commit?.([], ops)));
      for (const refusal of refusals) expect(refusal).toMatchObject({ status: "rejected", reason: { code: "FULL" } });
      for (const key of ["a", "b", "c"]) expect(await driver.get(`commit-${key}`)).toBeUndefined();
      await expectAll(driver, count, 30_000);

      rmSync(`${disk}/other`);
      expect(await driver.commit?.([], ops)).toMatchObject({ ok: true });
      await driver.close();
      const again = await openBtree(path);
      await expectAll(again, count, 30_000);
      expect((await again.get("commit-c"))?.value.length).toBe(200_000);
    } finally {
      printed.mockRestore();
    }
  });

  test("a disk that is full before the first open is FULL", async () => {
    const disk = smallDisk("2m");
    writeFileSync(`${disk}/other`, new Uint8Array(1.5 * MiB));
    const printed = vi.spyOn(console, "error").mockImplementation(() => undefined);
    try {
      await expect(openBtree(`${disk}/data`)).rejects.toMatchObject({ code: "FULL" });
      expect(readdirSync(`${disk}/data`)).toEqual([]);
      rmSync(`${disk}/other`);
      const driver = await openBtree(`${disk}/data`);
      expect(await driver.put("k", new Uint8Array(10), "absent")).toMatchObject({ ok: true });
    } finally {
      printed.mockRestore();
    }
  });
});
