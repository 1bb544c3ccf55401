import { createStore } from "@orbit/persistence";
import type { StoreDriver, StoreError, Version, WriteOp } from "@orbit/persistence/driver";
import { describe, expect, test } from "vitest";

import { btree } from "../src/index.ts";
import { bytes, openBtree, tempDirectory, text } from "./support/open.ts";

async function keysOf(driver: StoreDriver, range: Parameters<StoreDriver["scan"]>[0]): Promise<string[]> {
  const keys: string[] = [];
  for await (const page of driver.scan(range)) keys.push(...page.map(({ key }) => key));
  return keys;
}

describe("conditions", () => {
  test("one of 20 racing creators wins, and the others are told who", async () => {
    const path = tempDirectory();
    const [first, second] = [await openBtree(path), await openBtree(path)];
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        (index % 2 === 0 ? first : second).put("key", bytes(`creator ${index}`), "absent"),
      ),
    );
    const winners = answers.filter((answer) => answer.ok);
    expect(winners).toHaveLength(1);
    const stored = await second.get("key");
    for (const answer of answers) {
      if (answer.ok) expect(answer.version).toBe(stored?.version);
      else expect(text(answer.current?.value)).toBe(text(stored?.value));
    }
  });

  test("guarded increments through two drivers sum exactly", async () => {
    const path = tempDirectory();
    const drivers = [await openBtree(path), await openBtree(path)];
    await drivers[0]?.put("counter", bytes("0"), "absent");
    const increment = async (driver: StoreDriver): Promise<void> => {
      for (;;) {
        const entry = await driver.get("counter");
        if (entry === undefined) throw new Error("the counter is gone");
        const next = bytes(String(Number(text(entry.value)) + 1));
        if ((await driver.put("counter", next, { version: entry.version })).ok) return;
      }
    };
    const workers = drivers.flatMap((driver) =>
      Array.from({ length: 4 }, async () => {
        for (let round = 0; round < 25; round += 1) await increment(driver);
      }),
    );
    await Promise.all(workers);
    expect(text((await drivers[1]?.get("counter"))?.value)).toBe("200");
  });

  test("a stale version loses to put and delete, a deleted key's version never comes back", async () => {
    const driver = await openBtree(tempDirectory());
    const seen = new Set<Version>();
    for (let round = 0; round < 50; round += 1) {
      const created = await driver.put("key", bytes("same"), "absent");
      if (!created.ok) throw new Error("a create was refused");
      expect(seen.has(created.version)).toBe(false);
      seen.add(created.version);
      const stale = { version: [...seen][0] ?? created.version };
      if (round > 0) {
        expect(await driver.put("key", bytes("x"), stale)).toMatchObject({ ok: false, current: { key: "key" } });
        expect(await driver.delete("key", stale)).toMatchObject({ ok: false, current: { version: created.version } });
      }
      expect(await driver.delete("key", { version: created.version })).toEqual({ ok: true });
      expect(await driver.delete("key", { version: created.version })).toEqual({ ok: false, current: undefined });
      expect(await driver.delete("key", "always")).toEqual({ ok: true });
    }
  });

  test("a version of another open is never used again", async () => {
    const path = tempDirectory();
    const versions: Version[] = [];
    for (let round = 0; round < 5; round += 1) {
      const driver = await openBtree(path);
      const answer = await driver.put("key", bytes("same"), "always");
      if (answer.ok) versions.push(answer.version);
      await driver.close();
    }
    expect(new Set(versions).size).toBe(5);
  });
});

describe("commit and bulk writes", () => {
  test("a failed check applies nothing and names every conflict", async () => {
    const driver = await openBtree(tempDirectory());
    await driver.put("a", bytes("1"), "absent");
    const answer = await driver.commit?.(
      [{ key: "a", when: "absent" }],
      [
        { type: "put", key: "b", value: bytes("2"), when: "absent" },
        { type: "put", key: "c", value: bytes("3"), when: { version: "none" as Version } },
      ],
    );
    expect(answer).toMatchObject({ ok: false, conflicts: [{ key: "a", current: { key: "a" } }, { key: "c" }] });
    expect(await keysOf(driver, { prefix: "" })).toEqual(["a"]);
  });

  test("a commit of puts and deletes answers one version a put", async () => {
    const driver = await openBtree(tempDirectory());
    await driver.put("a", bytes("1"), "absent");
    const answer = await driver.commit?.(
      [],
      [
        { type: "delete", key: "a", when: "always" },
        { type: "put", key: "b", value: bytes("2"), when: "absent" },
      ],
    );
    const stored = await driver.get("b");
    expect(answer).toEqual({ ok: true, versions: [undefined, stored?.version] });
    expect(await keysOf(driver, { prefix: "" })).toEqual(["b"]);
  });

  test("each bulk operation is answered on its own, in order", async () => {
    const driver = await openBtree(tempDirectory());
    await driver.put("taken", bytes("1"), "absent");
    const ops: WriteOp[] = [
      { type: "put", key: "new", value: bytes("2"), when: "absent" },
      { type: "put", key: "taken", value: bytes("3"), when: "absent" },
      { type: "put", key: "k".repeat(1979), value: bytes("4"), when: "absent" },
      { type: "delete", key: "taken", when: "always" },
    ];
    const answers = (await driver.write?.(ops)) ?? [];
    expect(answers).toMatchObject([
      { ok: true },
      { ok: false, current: { key: "taken" } },
      { code: "TOO_LARGE" },
      { ok: true },
    ]);
    expect(await keysOf(driver, { prefix: "" })).toEqual(["new"]);
  });
});

describe("limits", () => {
  test("a key of maxKeyBytes works in every verb, one byte more is refused before anything happens", async () => {
    const driver = await openBtree(tempDirectory());
    const { maxKeyBytes } = driver.capabilities.limits;
    const longest = "k".repeat(maxKeyBytes);
    const tooLong = `${longest}k`;
    const wide = "é".repeat(maxKeyBytes / 2);
    for (const key of [longest, wide]) {
      expect(await driver.put(key, bytes("value"), "absent")).toMatchObject({ ok: true });
      expect(text((await driver.get(key))?.value)).toBe("value");
      expect(await keysOf(driver, { prefix: key })).toEqual([key]);
      expect(await driver.delete(key, "always")).toEqual({ ok: true });
    }
    const refused = { code: "TOO_LARGE", outcome: "none" } satisfies Partial<StoreError>;
    for (const key of [tooLong, `${wide}é`]) {
      await expect(driver.get(key)).rejects.toMatchObject(refused);
      await expect(driver.put(key, bytes("value"), "absent")).rejects.toMatchObject(refused);
      await expect(driver.delete(key, "always")).rejects.toMatchObject(refused);
      await expect(driver.commit?.([{ key, when: "absent" }], [])).rejects.toMatchObject(refused);
    }
    await expect(driver.get("")).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    expect(await keysOf(driver, { prefix: "" })).toEqual([]);
  });

  test("values from none to maxValueBytes come back as they were", async () => {
    const driver = await openBtree(tempDirectory());
    const { maxValueBytes } = driver.capabilities.limits;
    for (const size of [0, 1, 2000, 2100, 4096, 70_000, maxValueBytes]) {
      const value = new Uint8Array(size).map((_, index) => (index * 31 + size) % 251);
      expect(await driver.put("key", value, "always")).toMatchObject({ ok: true });
      const stored = (await driver.get("key"))?.value;
      expect(stored !== undefined && Buffer.compare(stored, value) === 0).toBe(true);
    }
    const tooLarge = new Uint8Array(maxValueBytes + 1);
    await expect(driver.put("key", tooLarge, "always")).rejects.toMatchObject({ code: "TOO_LARGE", outcome: "none" });
  });

  test("a commit of more than maxCommitOps is refused", async () => {
    const driver = await openBtree(tempDirectory());
    const { maxCommitOps } = driver.capabilities.limits;
    const ops = Array.from({ length: maxCommitOps }, (_, index): WriteOp => {
      return { type: "put", key: `k${index}`, value: bytes("v"), when: "absent" };
    });
    await expect(driver.commit?.([{ key: "x", when: "absent" }], ops)).rejects.toMatchObject({ code: "TOO_LARGE" });
    expect(await driver.commit?.([], ops)).toMatchObject({ ok: true });
  });

  test("a buffer that its caller uses again does not change what was written", async () => {
    const driver = await openBtree(tempDirectory());
    const value = bytes("before");
    const written = driver.put("key", value, "absent");
    value.fill(0);
    await written;
    const read = await driver.get("key");
    await driver.put("key", bytes("after!"), "always");
    await driver.get("key");
    expect(text(read?.value)).toBe("before");
  });
});

describe("scan", () => {
  test("pages come in byte order of UTF-8 and hold each key once, also while others write", async () => {
    const driver = await openBtree(tempDirectory());
    const keys = Array.from({ length: 700 }, (_, index) => `p-${String(index).padStart(4, "0")}`);
    const odd = ["\u0001", "a", "p", "p-", "p.", "q", "\u{1F600}", "\uFFFD"];
    await driver.write?.(
      [...keys, ...odd].map((key) => ({ type: "put", key, value: bytes(key), when: "absent" }) as const),
    );
    const byteOrder = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));
    expect(await keysOf(driver, { prefix: "" })).toEqual([...keys, ...odd].sort(byteOrder));

    const found: string[] = [];
    for await (const page of driver.scan({ prefix: "p-0" })) {
      found.push(...page.map(({ key }) => key));
      const last = found.at(-1) ?? "";
      await driver.put(`${last}-new`, bytes("x"), "absent");
      await driver.delete(`${last}-new`, "always");
    }
    expect(found).toEqual(keys);
  });

  test("prefix, after and limit bound it, keys alone are cheap", async () => {
    const driver = await openBtree(tempDirectory());
    const keys = Array.from({ length: 600 }, (_, index) => `p-${String(index).padStart(4, "0")}`);
    await driver.write?.(keys.map((key) => ({ type: "put", key, value: bytes(key), when: "absent" }) as const));
    expect(await keysOf(driver, { prefix: "p-", limit: 3 })).toEqual(keys.slice(0, 3));
    expect(await keysOf(driver, { prefix: "p-", limit: 300 })).toEqual(keys.slice(0, 300));
    expect(await keysOf(driver, { prefix: "p-", after: "p-0005", limit: 2 })).toEqual(["p-0006", "p-0007"]);
    expect(await keysOf(driver, { prefix: "p-", after: "p-00055" })).toEqual(keys.slice(6));
    expect(await keysOf(driver, { prefix: "p-", after: "a", limit: 1 })).toEqual(["p-0000"]);
    expect(await keysOf(driver, { prefix: "p-", after: "q" })).toEqual([]);
    expect(await keysOf(driver, { prefix: "p-", limit: 0 })).toEqual([]);
    expect(await keysOf(driver, { prefix: "nothing" })).toEqual([]);
    for await (const page of driver.scan({ prefix: "p-", keysOnly: true })) {
      expect(page.every(({ value, version }) => value.length === 0 && version !== "")).toBe(true);
    }
  });

  test("a scan that is left early or stands still keeps no old snapshot", async () => {
    const driver = await openBtree(tempDirectory());
    const value = new Uint8Array(60_000);
    await driver.write?.(
      Array.from({ length: 40 }, (_, index) => ({ type: "put", key: `k${index}`, value, when: "absent" }) as const),
    );
    const paused = driver.scan({ prefix: "" })[Symbol.asyncIterator]();
    await paused.next();
    const fileBytes = async (): Promise<number> => Number((await driver.health()).details?.["fileBytes"]);
    const overwrite = async (): Promise<void> => {
      for (let round = 0; round < 20; round += 1) await driver.put("k0", value, "always");
    };
    await overwrite();
    const before = await fileBytes();
    await overwrite();
    await overwrite();
    // An open snapshot would keep each of these 40 values from reuse.
    expect((await fileBytes()) - before).toBeLessThan(5 * value.length);
    await paused.return?.();
  });
});

describe("life", () => {
  test("close waits for the writes under way, is idempotent, and ends everything", async () => {
    const path = tempDirectory();
    const driver = await openBtree(path);
    const writes = Array.from({ length: 100 }, (_, index) => driver.put(`k${index}`, bytes("v"), "absent"));
    await Promise.all([driver.close(), driver.close()]);
    const settled = await Promise.allSettled(writes);
    expect(settled.every((write) => write.status === "fulfilled")).toBe(true);
    await expect(driver.get("k0")).rejects.toMatchObject({ code: "CLOSED" });
    await expect(driver.put("k0", bytes("v"), "always")).rejects.toMatchObject({ code: "CLOSED" });
    await expect(driver.health()).rejects.toMatchObject({ code: "CLOSED" });
    await expect(driver.open()).rejects.toMatchObject({ code: "CLOSED" });
    const again = await openBtree(path);
    expect(await keysOf(again, { prefix: "" })).toHaveLength(100);
  });

  test("a driver that was never opened does nothing and closes", async () => {
    const driver = btree({ path: `${tempDirectory()}/never` });
    await expect(driver.get("k")).rejects.toMatchObject({ code: "CLOSED" });
    await driver.close();
  });

  test("drivers over one directory share it: one closes while the other works, and at once after", async () => {
    const path = tempDirectory();
    const [first, second] = [await openBtree(path), await openBtree(`${path}/../${path.split("/").at(-1)}`)];
    let unsettled = 20;
    const writes = Array.from({ length: unsettled }, async (_, index) => {
      await first.put(`first-${index}`, bytes("v"), "absent");
      unsettled -= 1;
    });
    await first.close();
    expect(unsettled).toBe(0);
    await Promise.all(writes);
    await second.put("k", bytes("1"), "absent");
    expect(text((await second.get("k"))?.value)).toBe("1");
    const closed = second.close();
    const third = await openBtree(path);
    await closed;
    expect(text((await third.get("k"))?.value)).toBe("1");
    await expect(openBtree(path, 2 ** 21)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    expect(text((await third.get("k"))?.value)).toBe("1");
  });

  test("health reads the database and says what is in it", async () => {
    const driver = await openBtree(tempDirectory());
    await driver.put("k", bytes("v"), "absent");
    const health = await driver.health();
    expect(health).toMatchObject({ status: "healthy", details: { entries: 1 } });
    expect(health.latencyMs).toBeGreaterThan(0);
    expect(Number(health.details?.["bytes"])).toBeLessThanOrEqual(Number(health.details?.["fileBytes"]));
  });

  test("a store over it passes the probe and runs transactions", async () => {
    const path = tempDirectory();
    await using store = await createStore(btree({ path }));
    expect(store.capabilities.conditionalDelete).toBe(true);
    await store.put("a", bytes("1"), "absent");
    await store.transaction(async (transaction) => {
      const value = text(await transaction.get("a"));
      transaction.put("a", bytes(`${value}2`));
    });
    expect(text((await store.get("a"))?.value)).toBe("12");
  });
});
