import { crc32 } from "node:zlib";

import { manualClock } from "@orbit/persistence/testing";
import { beforeEach, expect, test } from "vitest";

import { COMPRESSIONS } from "../src/backup/codecs.ts";
import { checkEnd, encodeEnd } from "../src/backup/format.ts";
import { BackupBench, PATH } from "./backup-bench.ts";
import { failure, FakeDisk } from "./fake-disk.ts";
import { bytes, contentOf } from "./helpers.ts";

let bench: BackupBench;

beforeEach(() => {
  bench = new BackupBench();
});

test("the previous backup is kept, and used when the newer one is damaged, which is told", async () => {
  await bench.twoBackups();
  const damaged = bench.disk.bytesOf(PATH);
  damaged[40] = (damaged[40] ?? 0) ^ 1;
  bench.disk.put(PATH, damaged);
  const driver = await bench.opened();
  expect(await contentOf(driver)).toEqual({ k: "old" });
  expect(bench.events).toMatchObject([
    { type: "refused", path: PATH, reason: "a block does not match its checksum" },
    { type: "restored", path: `${PATH}.previous`, entries: 1 },
  ]);
  expect(await driver.health()).toMatchObject({
    status: "degraded",
    cause: expect.stringContaining("was refused"),
    details: { backup: PATH, backupRefused: expect.stringContaining("checksum") },
  });
  // The next backup must not put the damaged file in the place of the good one.
  await bench.clock.advance(1000);
  expect(bench.disk.bytesOf(`${PATH}.damaged`)).toEqual(damaged);
  expect(await driver.health()).toMatchObject({ status: "healthy" });
  await driver.close();
  bench.disk.put(PATH, Buffer.alloc(0));
  expect(await bench.found()).toEqual({ k: "old" });
});

test("two damaged backups, or one without another, are refused with both names and what to do", async () => {
  await bench.twoBackups();
  bench.disk.put(PATH, bench.disk.bytesOf(PATH).subarray(0, 50));
  bench.disk.put(`${PATH}.previous`, Buffer.from("no backup at all"));
  const error: unknown = await bench
    .make()
    .open()
    .catch((cause: unknown) => cause);
  expect(error).toMatchObject({ code: "CORRUPT" });
  expect(String(error)).toMatch(/\/data\/backup: .*\/data\/backup\.previous: .*To go on, put a good copy at/);
  expect(bench.disk.names.has(`${PATH}.lock`)).toBe(false);
  await bench.disk.unlink(`${PATH}.previous`);
  await expect(bench.make().open()).rejects.toMatchObject({
    code: "CORRUPT",
    message: expect.stringContaining("no other"),
  });
});

test("a backup cut at any length is refused, and the previous one used", async () => {
  await bench.twoBackups();
  const whole = bench.disk.bytesOf(PATH);
  for (let length = 0; length < whole.length; length += 1) {
    bench.disk.put(PATH, whole.subarray(0, length));
    bench.abandonLock();
    const driver = await bench.opened();
    expect([length, await contentOf(driver)]).toEqual([length, { k: "old" }]);
  }
  bench.disk.put(PATH, Buffer.concat([whole, Buffer.alloc(1)]));
  bench.abandonLock();
  expect(await contentOf(await bench.opened())).toEqual({ k: "old" });
});

test.each(COMPRESSIONS)(
  "a backup in %s with any one bit flipped is refused, and the previous one used",
  async (compression) => {
    await bench.twoBackups();
    const driver = await bench.opened({ compression });
    await driver.put("k", bytes("newest"), "always");
    await driver.close();
    const whole = bench.disk.bytesOf(PATH);
    for (let bit = 0; bit < whole.length * 8; bit += 1) {
      const flipped = Buffer.from(whole);
      flipped[bit >>> 3] = (flipped[bit >>> 3] ?? 0) ^ (1 << (bit & 7));
      bench.disk.put(PATH, flipped);
      bench.abandonLock();
      const restored = await bench.opened();
      expect([bit, await contentOf(restored)]).toEqual([bit, { k: "new" }]);
    }
  },
  60_000,
);

test("a file of a newer format is left alone: opening fails instead of losing what it holds", async () => {
  await bench.twoBackups();
  const newer = bench.disk.bytesOf(PATH);
  newer.writeUInt16LE(2, 8);
  newer.writeUInt32LE(crc32(newer.subarray(0, 12)), 12);
  bench.disk.put(PATH, newer);
  await expect(bench.make().open()).rejects.toMatchObject({
    code: "UNSUPPORTED",
    message: expect.stringContaining("newer"),
  });
});

test("a full disk stops no operation, is told by health, and leaves the last backup in place", async () => {
  const driver = await bench.opened();
  await driver.put("k", bytes("saved"), "absent");
  await bench.clock.advance(1000);
  const before = bench.disk.bytesOf(PATH);
  bench.disk.fault = (operation, path) =>
    operation === "write" && path.endsWith(".tmp") ? failure("ENOSPC") : undefined;
  await driver.put("k", bytes("unsaved"), "always");
  await bench.clock.advance(1000);
  expect(await driver.health()).toMatchObject({
    status: "degraded",
    cause: expect.stringContaining("the disk is full"),
    details: { backupFailure: expect.stringContaining("ENOSPC"), backupAgeMs: 1000 },
  });
  expect(bench.events.at(-1)).toMatchObject({ type: "failed", path: PATH });
  expect(await driver.put("l", bytes("1"), "absent")).toMatchObject({ ok: true });
  expect(bench.disk.bytesOf(PATH)).toEqual(before);
  expect(bench.disk.names.has(`${PATH}.tmp`)).toBe(false);
  bench.disk.fault = () => undefined;
  await bench.clock.advance(1000);
  expect(await driver.health()).toMatchObject({ status: "healthy" });
  await driver.close();
  expect(await bench.found()).toEqual({ k: "unsaved", l: "1" });
});

test("a backup that fails on close is an error that says what is in place, and the lock is given back", async () => {
  const driver = await bench.opened();
  await driver.put("k", bytes("saved"), "absent");
  await bench.clock.advance(1000);
  await driver.put("k", bytes("unsaved"), "always");
  bench.disk.fault = (operation, path) => (operation === "sync" && path.endsWith(".tmp") ? failure("EIO") : undefined);
  await expect(driver.close()).rejects.toMatchObject({ code: "UNAVAILABLE", message: expect.stringContaining("EIO") });
  await driver.close();
  bench.disk.fault = () => undefined;
  expect(await bench.found()).toEqual({ k: "saved" });
});

test("short reads and writes lose nothing", async () => {
  bench.disk.pieceBytes = 7;
  const driver = await bench.opened();
  await driver.put("k", bytes("a value that needs many pieces"), "absent");
  await driver.nextFence?.(0n);
  await driver.close();
  expect(await bench.found()).toEqual({ k: "a value that needs many pieces" });
});

test("a file that the disk can't read counts as damaged; one that permissions hide does not", async () => {
  await bench.twoBackups();
  bench.disk.fault = (operation, path) => (operation === "read" && path === PATH ? failure("EIO") : undefined);
  const driver = await bench.opened();
  expect(await contentOf(driver)).toEqual({ k: "old" });
  bench.abandonLock();
  bench.disk.fault = (operation, path) => (operation === "open" && path === PATH ? failure("EACCES") : undefined);
  await expect(bench.make().open()).rejects.toMatchObject({ code: "DENIED" });
});

test("wherever power fails during a backup, the new or the last one is restored, and never neither", async () => {
  const run = async (dieAt: number, kept: (changes: number) => number): Promise<boolean> => {
    bench.disk = new FakeDisk();
    bench.clock = manualClock();
    const driver = await bench.opened();
    await driver.put("k", bytes("first"), "absent");
    await bench.clock.advance(1000);
    await driver.put("k", bytes("second"), "always");
    await bench.clock.advance(1000);
    await driver.put("k", bytes("third"), "always");
    const start = bench.disk.operations;
    let died = false;
    bench.disk.fault = () => {
      if (bench.disk.operations - start < dieAt) return undefined;
      died = true;
      return failure("EIO");
    };
    await bench.clock.advance(1000);
    bench.powerFails(kept(bench.disk.unsyncedChanges));
    expect([dieAt, await bench.found()]).toEqual([
      dieAt,
      { k: expect.stringMatching(died ? /second|third/ : /third/) },
    ]);
    return died;
  };
  for (const kept of [() => 0, () => 1, () => 2, (changes: number) => changes]) {
    let dieAt = 1;
    while (await run(dieAt, kept)) dieAt += 1;
    expect(dieAt).toBeGreaterThan(8);
  }
});

test("a rename that fails between the two leaves the previous backup, and the next one mends it", async () => {
  const driver = await bench.opened();
  await driver.put("k", bytes("saved"), "absent");
  await bench.clock.advance(1000);
  bench.disk.fault = (operation, path) =>
    operation === "rename" && path.endsWith(".tmp") ? failure("EIO") : undefined;
  await driver.put("k", bytes("unsaved"), "always");
  await bench.clock.advance(1000);
  expect(bench.disk.names.has(PATH)).toBe(false);
  expect(bench.disk.names.has(`${PATH}.previous`)).toBe(true);
  bench.disk.fault = () => undefined;
  const saved = bench.disk.bytesOf(`${PATH}.previous`);
  await bench.clock.advance(1000);
  expect(bench.disk.names.has(PATH)).toBe(true);
  expect(bench.disk.bytesOf(`${PATH}.previous`)).toEqual(saved);
  await driver.close();
});

test("a store that lost its lock writes nothing more, and says so", async () => {
  const driver = await bench.opened();
  await driver.put("k", bytes("saved"), "absent");
  await bench.clock.advance(1000);
  await driver.put("k", bytes("unsaved"), "always");
  const other = Buffer.from("the lock of another process");
  bench.disk.put(`${PATH}.lock`, other);
  const before = bench.disk.bytesOf(PATH);
  const touched: string[] = [];
  bench.disk.fault = (operation, path) => {
    if (operation !== "read" && !path.endsWith(".lock")) touched.push(`${operation} ${path}`);
    return undefined;
  };
  await bench.clock.advance(1000);
  expect(await driver.health()).toMatchObject({ status: "degraded", cause: expect.stringContaining("no longer ours") });
  await expect(driver.nextFence?.(0n)).rejects.toMatchObject({ code: "CONFLICT" });
  await expect(driver.close()).rejects.toMatchObject({ code: "CONFLICT" });
  expect(touched).toEqual([]);
  expect(bench.disk.bytesOf(PATH)).toEqual(before);
  expect(bench.disk.bytesOf(`${PATH}.lock`)).toEqual(other);
});

test("a store that loses its lock while it restores does not open", async () => {
  await bench.twoBackups();
  bench.disk.fault = (operation, path) => {
    if (operation === "read" && path === PATH) bench.disk.put(`${PATH}.lock`, Buffer.from("another"));
    return undefined;
  };
  await expect(bench.make().open()).rejects.toMatchObject({ code: "CONFLICT" });
});

test("a backup whose count of entries is not that of its entries is damaged", () => {
  const end = encodeEnd(3, 7);
  expect(() => checkEnd(end, 3, 7)).not.toThrow();
  expect(() => checkEnd(end, 2, 7)).toThrow(/holds 2 entries and says 3/);
  expect(() => checkEnd(end, 3, 8)).toThrow(/checksum/);
});
