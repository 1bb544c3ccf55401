import { randomBytes } from "node:crypto";

import type { Resync } from "@orbit/persistence/driver";
import { beforeEach, expect, test } from "vitest";

import { COMPRESSIONS } from "../src/backup/codecs.ts";
import { memory, memoryData } from "../src/index.ts";
import { BackupBench, PATH } from "./backup-bench.ts";
import { bytes, contentOf, textOf, won } from "./helpers.ts";

let bench: BackupBench;

beforeEach(() => {
  bench = new BackupBench();
});

test.each(COMPRESSIONS)("entries, versions and bytes come back through a backup in %s", async (compression) => {
  const first = await bench.opened({ compression });
  expect(first.capabilities.durability).toBe("async");
  const versions = new Map<string, string>();
  const values = new Map<string, Buffer>();
  for (let at = 0; at < 3000; at += 1) {
    const value = at % 100 === 0 ? randomBytes(at * 20) : Buffer.from(`value ${at % 7}`.repeat(at % 50));
    values.set(`k${at}`, value);
    versions.set(`k${at}`, won(await first.put(`k${at}`, value, "absent")));
  }
  values.set("é\u{1f600}", Buffer.from("wide"));
  versions.set("é\u{1f600}", won(await first.put("é\u{1f600}", bytes("wide"), "absent")));
  await first.close();

  const second = await bench.opened({ compression: "None" });
  const back = new Map<string, Uint8Array>();
  for await (const page of second.scan({ prefix: "" })) {
    for (const entry of page) {
      back.set(entry.key, entry.value);
      expect(entry.version).toBe(versions.get(entry.key));
    }
  }
  expect(back.size).toBe(values.size);
  for (const [key, value] of values) expect(Buffer.compare(back.get(key) ?? Buffer.from("?"), value)).toBe(0);
  expect(bench.events.map(({ type, entries }) => [type, entries])).toEqual([
    ["written", 3001],
    ["restored", 3001],
  ]);
  await second.close();
});

test("it is written at the interval where something has changed, and on close", async () => {
  const driver = await bench.opened();
  await bench.clock.advance(5000);
  expect(bench.events).toEqual([]);
  await driver.put("k", bytes("1"), "absent");
  await bench.clock.advance(999);
  expect(bench.events).toEqual([]);
  await bench.clock.advance(1);
  expect(bench.events).toMatchObject([{ type: "written", path: PATH, entries: 1 }]);
  await bench.clock.advance(10_000);
  expect(bench.events).toHaveLength(1);
  await driver.put("l", bytes("1"), "absent");
  await driver.close();
  expect(bench.events).toHaveLength(2);
  await bench.clock.advance(10_000);
  expect(bench.events).toHaveLength(2);
  await driver.open();
  expect(await contentOf(driver)).toEqual({ k: "1", l: "1" });
  await driver.close();
});

test("a version is not used again when an older backup is restored", async () => {
  const first = await bench.opened();
  await first.put("k", bytes("1"), "absent");
  await bench.clock.advance(1000);
  const lost = won(await first.put("k", bytes("2"), "always"));
  // The process dies here.
  bench.abandonLock();
  const second = await bench.opened();
  expect(textOf(await second.get("k"))).toBe("1");
  const again = won(await second.put("k", bytes("3"), "always"));
  expect(again).not.toBe(lost);
  expect(again.split(".")[1]).toBe(lost.split(".")[1]);
  expect(await second.put("k", bytes("4"), { version: lost })).toMatchObject({ ok: false });
  await second.close();
});

test("versions stay as they are over many restarts, each with writes of its own", async () => {
  const versions: string[] = [];
  for (let round = 0; round < 10; round += 1) {
    const driver = await bench.opened();
    for (const [at, version] of versions.entries()) expect((await driver.get(`k${at}`))?.version).toBe(version);
    versions.push(won(await driver.put(`k${round}`, bytes("1"), "absent")));
    await driver.close();
  }
  expect(new Set(versions).size).toBe(10);
});

test("ages and times to live start anew after a restore: nothing is taken over or ends too early", async () => {
  const first = await bench.opened();
  const session = await first.session?.(4000);
  await first.put("plain", bytes("1"), "absent");
  await first.put("ttl", bytes("1"), "absent", { ttlMs: 3000 });
  await first.put("session", bytes("1"), "absent", { session });
  await bench.clock.advance(2900);
  await first.close();
  await bench.clock.advance(100_000);
  const second = await bench.opened();
  expect(await second.get("plain")).toMatchObject({ ageMs: 0 });
  await bench.clock.advance(2999);
  expect(Object.keys(await contentOf(second))).toEqual(["plain", "session", "ttl"]);
  await bench.clock.advance(1);
  expect(Object.keys(await contentOf(second))).toEqual(["plain", "session"]);
  await bench.clock.advance(1000);
  expect(Object.keys(await contentOf(second))).toEqual(["plain"]);
  await second.close();
});

test("entries written while a backup runs are not torn into it: it holds the state of one instant", async () => {
  const driver = await bench.opened();
  const names = Array.from({ length: 2000 }, (_, at) => `k${String(at).padStart(4, "0")}`);
  const all = (value: string): Promise<unknown> | undefined =>
    driver.commit?.(
      [],
      names.map((key) => ({ type: "put", key, value: bytes(value.padEnd(1000)), when: "always" }) as const),
    );
  await all("1");
  let rounds = 1;
  bench.disk.fault = (operation, path) => {
    // A commit over all keys between any two steps of the backup.
    if (operation === "write" && path.endsWith(".tmp")) void all(String((rounds += 1)));
    return undefined;
  };
  await bench.clock.advance(1000);
  expect(rounds).toBeGreaterThan(5);
  bench.powerFails(bench.disk.unsyncedChanges);
  expect(new Set(Object.values(await bench.found()))).toEqual(new Set(["1".padEnd(1000)]));
});

test("data that others have written to already is not restored over", async () => {
  const data = memoryData({ clock: bench.clock });
  await memory({}, { data }).put("k", bytes("1"), "absent");
  const driver = memory({ diskBackup: { path: PATH } }, { data, files: bench.disk });
  await expect(driver.open()).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  expect(data.entries).toBe(1);
});

test("data has one backup at most", async () => {
  const data = memoryData({ clock: bench.clock });
  const make = (path: string) => memory({ diskBackup: { path } }, { data, files: bench.disk });
  const first = make("/data/one");
  await first.open();
  await expect(make("/data/two").open()).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  await first.close();
  const second = make("/data/two");
  await second.open();
  await second.close();
});

test("a watch that resumes after a restore is told to read anew", async () => {
  const data = memoryData({ clock: bench.clock });
  const driver = memory({ diskBackup: { path: PATH } }, { data, files: bench.disk });
  await driver.open();
  const start: unknown = (await driver.watch?.({ prefix: "" })[Symbol.asyncIterator]().next())?.value;
  await driver.put("k", bytes("1"), "absent");
  await driver.close();
  await driver.open();
  const { cursor: from } = start as Resync;
  const resumed = driver.watch?.({ prefix: "", from })[Symbol.asyncIterator]();
  expect((await resumed?.next())?.value).toMatchObject({ type: "resync" });
  await driver.close();
});

test("opening and closing are idempotent, also at once", async () => {
  const driver = bench.make();
  await Promise.all([driver.open(), driver.open(), driver.open()]);
  await driver.put("k", bytes("1"), "absent");
  await Promise.all([driver.close(), driver.close(), driver.open()]);
  expect(textOf(await driver.get("k"))).toBe("1");
  await driver.close();
  expect([...bench.disk.names.keys()]).toEqual([PATH]);
});
