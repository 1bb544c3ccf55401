import { setImmediate } from "node:timers/promises";

import { createStore } from "@orbit/persistence";
import { type StoreDriver, StoreError, type Version } from "@orbit/persistence/driver";
import { manualClock } from "@orbit/persistence/testing";
import { expect, test } from "vitest";

import { memory, memoryData, type MemoryOptions } from "../src/index.ts";
import { bytes, contentOf, keysOf, textOf, won } from "./helpers.ts";

async function opened(
  options: Partial<MemoryOptions> = {},
  runtime?: Parameters<typeof memory>[1],
): Promise<StoreDriver> {
  const driver = memory(options, runtime);
  await driver.open();
  return driver;
}

const codeOf = (error: unknown): string | undefined => (StoreError.is(error) ? error.code : undefined);

test("a caller that changes its buffer changes nothing that is stored, and the reverse", async () => {
  const driver = await opened();
  for (const size of [10, 5000]) {
    const given = new Uint8Array(size).fill(1);
    const key = `k${size}`;
    await driver.put(key, given, "always");
    given.fill(2);
    const first = await driver.get(key);
    expect(first?.value).toEqual(Buffer.alloc(size, 1));
    first?.value.fill(3);
    const scanned = await driver.scan({ prefix: key })[Symbol.asyncIterator]().next();
    expect(scanned.value?.[0]?.value).toEqual(Buffer.alloc(size, 1));
    const lost = await driver.put(key, given, "absent");
    if (!lost.ok) lost.current?.value.fill(4);
    expect((await driver.get(key))?.value).toEqual(Buffer.alloc(size, 1));
  }
});

test("a value of all 256 bytes comes back as it was, short and long", async () => {
  const driver = await opened();
  for (const repeat of [0, 1, 4, 5, 1000]) {
    const value = Uint8Array.from({ length: 256 * repeat }, (_, at) => at % 256);
    await driver.put("k", value, "always");
    expect(Buffer.compare((await driver.get("k"))?.value ?? bytes("x"), value)).toBe(0);
  }
});

test("a conflict carries the entry that won, and changes neither bytes nor version nor time to live", async () => {
  const clock = manualClock();
  const driver = await opened({}, { clock });
  const version = won(await driver.put("k", bytes("1"), "absent", { ttlMs: 1000 }));
  for (const when of ["absent", { version: "other" as Version }, { version: "" as Version }] as const) {
    const lost = await driver.put("k", bytes("2"), when, { ttlMs: 9000 });
    expect(lost).toMatchObject({ ok: false, current: { key: "k", version } });
  }
  expect(await driver.delete("k", { version: "" as Version })).toMatchObject({ ok: false, current: { version } });
  expect(await driver.put("none", bytes("2"), { version })).toEqual({ ok: false, current: undefined });
  await clock.advance(999);
  expect(await driver.get("k")).toMatchObject({ version, ageMs: 999 });
  await clock.advance(1);
  expect(await driver.get("k")).toBeUndefined();
});

test("no version comes back for a key: not for equal bytes, nor after a delete", async () => {
  const driver = await opened();
  const versions = new Set<Version>();
  for (let round = 0; round < 100; round += 1) {
    versions.add(won(await driver.put("k", bytes("same"), "always")));
    if (round % 3 === 0) await driver.delete("k", "always");
  }
  expect(versions.size).toBe(100);
});

test("versions of two processes differ even where their counters are equal", async () => {
  const [one, two] = [await opened(), await opened()];
  expect(won(await one.put("k", bytes("1"), "absent"))).not.toBe(won(await two.put("k", bytes("1"), "absent")));
});

test("20 creators have one winner, and every loser learns who won", async () => {
  const data = memoryData();
  const drivers = await Promise.all(Array.from({ length: 20 }, () => opened({}, { data })));
  const puts = await Promise.all(drivers.map((driver, at) => driver.put("k", bytes(String(at)), "absent")));
  const winner = puts.findIndex((put) => put.ok);
  expect(puts.filter((put) => put.ok)).toHaveLength(1);
  const told = puts.filter((put) => !put.ok).map((put) => textOf(put.current));
  expect(told).toEqual(Array.from({ length: 19 }, () => String(winner)));
});

test("increments through two instances over the same data sum exactly", async () => {
  const data = memoryData();
  const stores = await Promise.all([createStore(memory({}, { data })), createStore(memory({}, { data }))]);
  const [workers, rounds] = [8, 50];
  const work = Array.from({ length: workers }, async (_, worker) => {
    const store = stores[worker % 2];
    for (let round = 0; round < rounds; round += 1) {
      for (;;) {
        const entry = await store?.get("counter");
        // Others run between the read and the write.
        await setImmediate();
        const next = String(Number(textOf(entry) ?? "0") + 1);
        const put = await store?.put(
          "counter",
          bytes(next),
          entry === undefined ? "absent" : { version: entry.version },
        );
        if (put?.ok === true) break;
      }
    }
  });
  await Promise.all(work);
  expect(textOf(await stores[1].get("counter"))).toBe(String(workers * rounds));
  await Promise.all(stores.map((store) => store.close()));
});

test("max_entries refuses new keys and nothing else, and evicts nothing", async () => {
  const driver = await opened({ maxEntries: 10 });
  for (let at = 0; at < 10; at += 1) await driver.put(`k${at}`, bytes("1"), "absent");
  await expect(driver.put("more", bytes("1"), "always")).rejects.toMatchObject({ code: "FULL", outcome: "none" });
  const creates = [{ type: "put", key: "more", value: bytes("1"), when: "absent" }] as const;
  await expect(driver.commit?.([], creates)).rejects.toMatchObject({ code: "FULL" });
  const bulk = await driver.write?.([...creates, { type: "put", key: "k1", value: bytes("2"), when: "always" }]);
  expect(codeOf(bulk?.[0])).toBe("FULL");
  expect(bulk?.[1]).toMatchObject({ ok: true });
  // A conflict is told before a lack of room, and a refused create is no conflict.
  expect(await driver.put("k2", bytes("2"), "absent")).toMatchObject({ ok: false });
  expect(await driver.put("none", bytes("2"), { version: "v" as Version })).toEqual({ ok: false, current: undefined });
  expect(await keysOf(driver)).toHaveLength(10);
  // A commit that makes the room it needs is let through.
  const swap = await driver.commit?.([], [{ type: "delete", key: "k0", when: "always" }, ...creates]);
  expect(swap?.ok).toBe(true);
  await driver.delete("k1", "always");
  expect(await driver.put("again", bytes("1"), "absent")).toMatchObject({ ok: true });
});

test("a commit that does not fit writes nothing", async () => {
  const driver = await opened({ maxEntries: 3 });
  await driver.put("a", bytes("1"), "absent");
  const ops = ["a", "b", "c", "d"].map((key) => ({ type: "put", key, value: bytes("2"), when: "always" }) as const);
  await expect(driver.commit?.([], ops)).rejects.toMatchObject({ code: "FULL" });
  expect(await contentOf(driver)).toEqual({ a: "1" });
});

test("memory_limit counts keys and values, and lets through what needs no more room", async () => {
  const driver = await opened({ memoryLimit: 100 });
  await driver.put("key1", new Uint8Array(90), "absent");
  await expect(driver.put("key2", new Uint8Array(3), "absent")).rejects.toMatchObject({ code: "FULL" });
  await expect(driver.put("key1", new Uint8Array(97), "always")).rejects.toMatchObject({ code: "FULL" });
  expect(await driver.put("key2", new Uint8Array(2), "absent")).toMatchObject({ ok: true });
  expect(await driver.put("key1", new Uint8Array(90), "always")).toMatchObject({ ok: true });
  expect(await driver.put("key1", new Uint8Array(10), "always")).toMatchObject({ ok: true });
  expect((await driver.health()).details).toMatchObject({ entries: 2, bytes: 20, memoryLimit: 100 });
});

test("health is degraded from 90 % on, by entries or by bytes, with the figures", async () => {
  const entries = await opened({ maxEntries: 10 });
  for (let at = 0; at < 8; at += 1) await entries.put(`k${at}`, bytes("1"), "absent");
  expect(await entries.health()).toMatchObject({
    status: "healthy",
    details: { entries: 8, maxEntries: 10, bytes: 24 },
  });
  await entries.put("k8", bytes("1"), "absent");
  expect(await entries.health()).toMatchObject({ status: "degraded", cause: "9 of 10 entries are in use" });
  const memoryBound = await opened({ memoryLimit: 100 });
  await memoryBound.put("k", new Uint8Array(89), "absent");
  expect(await memoryBound.health()).toMatchObject({ status: "degraded", cause: "90 of 100 bytes are in use" });
});

test("a store over its limits still opens, reads, overwrites and deletes", async () => {
  const data = memoryData();
  const first = await createStore(memory({ maxEntries: 20 }, { data }));
  for (const key of ["k", "l", "m"]) await first.put(key, bytes("1"), "absent");
  const second = await createStore(memory({ maxEntries: 1, memoryLimit: 10 }, { data }));
  expect(textOf(await second.get("k"))).toBe("1");
  await expect(second.put("n", bytes("1"), "absent")).rejects.toMatchObject({ code: "FULL" });
  await expect(second.put("k", bytes("longer"), "always")).rejects.toMatchObject({ code: "FULL" });
  expect(await second.put("k", bytes("2"), "always")).toMatchObject({ ok: true });
  expect(await second.delete("k", "always")).toEqual({ ok: true });
  await Promise.all([first.close(), second.close()]);
});

test("a scan gives each entry that stays once, while others come and go", async () => {
  const driver = await opened();
  const name = (at: number): string => `k${String(at).padStart(5, "0")}`;
  for (let at = 0; at < 5000; at += 1) await driver.put(name(at), bytes("1"), "absent");
  const seen: string[] = [];
  const sizes: number[] = [];
  for await (const page of driver.scan({ prefix: "k" })) {
    seen.push(...page.map((entry) => entry.key));
    sizes.push(page.length);
    // Before, at (every other time) and after where the scan stands.
    const last = seen.length;
    const gone = [last - 600, last + 10, ...(sizes.length % 2 === 0 ? [last - 1] : [])];
    for (const at of gone) await driver.delete(name(at), "always");
    for (const at of [last - 500, last + 20]) await driver.put(`${name(at)}x`, bytes("new"), "absent");
  }
  const stable = Array.from({ length: 5000 }, (_, at) => name(at)).filter(
    (key) => ![0, 1, 2, 3, 4, 5].some((page) => [400, 999, 1010].some((at) => key === name(page * 1000 + at))),
  );
  expect(sizes.slice(0, 4)).toEqual([1000, 1000, 1000, 1000]);
  expect(new Set(seen).size).toBe(seen.length);
  expect(seen).toEqual([...seen].sort());
  expect(stable.filter((key) => !seen.includes(key))).toEqual([]);
});

test("a scan honours prefix, after, limit and keysOnly together", async () => {
  const driver = await opened();
  for (const key of ["a", "b", "ba", "bb", "bc", "c"]) await driver.put(key, bytes(key), "absent");
  const scan = async (range: Parameters<StoreDriver["scan"]>[0]): Promise<readonly string[]> => {
    const found: string[] = [];
    for await (const page of driver.scan(range)) found.push(...page.map(({ key, value }) => `${key}${value.length}`));
    return found;
  };
  expect(await scan({ prefix: "b" })).toEqual(["b1", "ba2", "bb2", "bc2"]);
  expect(await scan({ prefix: "b", after: "b" })).toEqual(["ba2", "bb2", "bc2"]);
  expect(await scan({ prefix: "b", after: "a" })).toEqual(["b1", "ba2", "bb2", "bc2"]);
  expect(await scan({ prefix: "b", after: "bx" })).toEqual([]);
  expect(await scan({ prefix: "b", after: "ba", limit: 1 })).toEqual(["bb2"]);
  expect(await scan({ prefix: "b", after: "ba", limit: 1, keysOnly: true })).toEqual(["bb0"]);
  expect(await scan({ prefix: "", limit: 2 })).toEqual(["a1", "b1"]);
});

test("keys and values over the limits are refused before anything is written", async () => {
  const driver = await opened();
  const { maxKeyBytes, maxValueBytes } = driver.capabilities.limits;
  await expect(driver.put("k".repeat(maxKeyBytes + 1), bytes("1"), "always")).rejects.toMatchObject({
    code: "TOO_LARGE",
  });
  await expect(driver.put("k", new Uint8Array(maxValueBytes + 1), "always")).rejects.toMatchObject({
    code: "TOO_LARGE",
  });
  const [small, large] = ["a", "b"].map(
    (key) =>
      ({ type: "put", key, value: new Uint8Array(key === "a" ? 1 : maxValueBytes + 1), when: "always" }) as const,
  );
  await expect(
    driver.commit?.(
      [],
      [small, large].filter((op) => op !== undefined),
    ),
  ).rejects.toMatchObject({ code: "TOO_LARGE" });
  expect(await keysOf(driver)).toEqual([]);
  expect(await driver.put("k".repeat(maxKeyBytes), new Uint8Array(maxValueBytes), "always")).toMatchObject({
    ok: true,
  });
});

test("fences rise above what is asked, above each other and above those of other instances", async () => {
  const data = memoryData();
  const [one, two] = [await opened({}, { data }), await opened({}, { data })];
  const fences: bigint[] = [];
  for (let round = 0; round < 50; round += 1) {
    fences.push(
      (await one.nextFence?.(0n)) ?? 0n,
      (await two.nextFence?.((fences.at(-1) ?? 0n) + BigInt(round))) ?? 0n,
    );
  }
  expect(fences).toEqual([...fences].sort((a, b) => (a < b ? -1 : 1)));
  expect(new Set(fences).size).toBe(100);
  expect(fences[0]).toBeGreaterThan(1_600_000_000_000_000n);
  await expect(one.nextFence?.(2n ** 64n)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
});

test("options and data that are wrong are refused at once", () => {
  expect(() => memory({ maxEntries: 0, memoryLimit: -1 })).toThrow(/maxEntries[^]*memoryLimit/);
  const foreign = { entries: 0, bytes: 0 };
  expect(() => memory({}, { data: foreign })).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
});
