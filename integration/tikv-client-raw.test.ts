import { execFile } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

import { type RawClient, TikvClient, TikvError } from "@orbit/tikv-client";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import type { TikvControl } from "./backends/tikv/control.ts";
import { startTikv, type TikvCluster } from "./backends/tikv/start.ts";
import { ClientGo } from "./tikv/client-go.ts";
import { bytes, elsewhere, leaderOf, text } from "./tikv/keys.ts";

let cluster: TikvCluster;
let control: TikvControl;
let client: TikvClient;
let raw: RawClient;

// Building PD and PingCAP's store takes minutes where nothing is built yet.
beforeAll(async () => {
  cluster = await startTikv();
  control = cluster.control;
  client = await TikvClient.open({ endpoints: cluster.pd, apiVersion: "V1TTL" });
  raw = client.raw({ atomic: true });
}, 900_000);

afterAll(async () => {
  await client?.close();
  await cluster?.[Symbol.asyncDispose]();
});

const range = (prefix: string) => ({ start: bytes(prefix), end: bytes(`${prefix}~`) });

test("the README's first lines run", async () => {
  const readme = readFileSync(join(import.meta.dirname, "../packages/tikv-client/README.md"), "utf8");
  const [, code = ""] = /```ts\n([^]*?)```/.exec(readme) ?? [];
  expect(code).toContain('"127.0.0.1:2379"');
  const file = join(import.meta.dirname, `tikv-readme-${process.pid}.ts`);
  const endpoints = cluster.pd.map((endpoint) => JSON.stringify(endpoint)).join(", ");
  writeFileSync(file, code.replace('"127.0.0.1:2379"', endpoints));
  try {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [file]);
    expect({ stdout, stderr }).toEqual({ stdout: "greeting hello again true\n", stderr: "" });
  } finally {
    rmSync(file);
  }
  await raw.delete(bytes("greeting"));
});

describe("raw KV", () => {
  test("a value is put, read and deleted, any bytes, and an empty one is not an absent one", async () => {
    const key = Uint8Array.of(0x76, 0, 0xff, 0x80);
    for (const value of [Uint8Array.of(0, 0xff, 0x80), new Uint8Array(0), new Uint8Array(1_000_000).fill(7)]) {
      await raw.put(key, value);
      expect(Buffer.compare((await raw.get(key))!, value)).toBe(0);
    }
    await raw.delete(key);
    expect(await raw.get(key)).toBeUndefined();
    await raw.delete(key);
  });

  test("a value of its own is given: changing it changes nothing, and it holds no more than itself", async () => {
    await raw.put(bytes("own"), bytes("1"));
    const value = (await raw.get(bytes("own")))!;
    expect(value.constructor).toBe(Uint8Array);
    expect(value.buffer.byteLength).toBe(1);
  });

  test("all forms agree with a map, over splits and merges", async () => {
    const names = fc.constantFrom("m/a", "m/b", "m/c", "m/d", "m/e", "m/f", "m/g", "m/h");
    const value = fc.string({ maxLength: 4 });
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.record({ op: fc.constant("put" as const), key: names, value }) },
      { weight: 2, arbitrary: fc.record({ op: fc.constant("delete" as const), key: names }) },
      fc.record({ op: fc.constant("batchPut" as const), pairs: fc.dictionary(names, value) }),
      fc.record({ op: fc.constant("batchDelete" as const), keys: fc.uniqueArray(names) }),
      fc.record({ op: fc.constant("deleteRange" as const), from: names, to: names }),
      fc.record({ op: fc.constant("swap" as const), key: names, value, right: fc.boolean() }),
      fc.record({ op: fc.constant("split" as const), key: names }),
      fc.record({ op: fc.constant("merge" as const), key: names }),
      fc.record({ op: fc.constant("transfer" as const), key: names }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const model = new Map<string, string>();
        await raw.deleteRange(range("m/"));
        for (const each of steps) {
          if (each.op === "put") {
            await raw.put(bytes(each.key), bytes(each.value));
            model.set(each.key, each.value);
          } else if (each.op === "delete") {
            await raw.delete(bytes(each.key));
            model.delete(each.key);
          } else if (each.op === "batchPut") {
            const pairs = Object.entries(each.pairs);
            await raw.batchPut(pairs.map(([key, to]) => ({ key: bytes(key), value: bytes(to) })));
            for (const [key, to] of pairs) model.set(key, to);
          } else if (each.op === "batchDelete") {
            await raw.batchDelete(each.keys.map(bytes));
            for (const key of each.keys) model.delete(key);
          } else if (each.op === "deleteRange") {
            const [start, end] = [each.from, each.to].sort() as [string, string];
            if (start === end) continue;
            await raw.deleteRange({ start: bytes(start), end: bytes(end) });
            for (const key of model.keys()) if (key >= start && key < end) model.delete(key);
          } else if (each.op === "swap") {
            const held = model.get(each.key);
            const expected = each.right ? held : `${held}?`;
            const swap = { previous: expected === undefined ? undefined : bytes(expected), value: bytes(each.value) };
            const { swapped, previous } = await raw.compareAndSwap(bytes(each.key), swap);
            expect({ swapped, previous: text(previous) }).toEqual({ swapped: each.right, previous: held });
            if (swapped) model.set(each.key, each.value);
          } else if (each.op === "split") {
            const at = Buffer.from(each.key).toString("hex");
            if ((await control.regions()).every(({ start }) => start !== at))
              await control.split(bytes(each.key), { raw: true });
          } else {
            const { region, store } = await leaderOf(control, each.key);
            if (each.op === "transfer") await control.transfer(region, await elsewhere(control, store));
            else if ((await control.regions()).at(-1)!.id !== region) await control.merge(region);
          }
        }
        const expected = [...model].sort(([a], [b]) => (a < b ? -1 : 1));
        for (const options of [{}, { pageSize: 1 }, { pageSize: 3 }]) {
          expect(await pairs({ ...range("m/"), ...options })).toEqual(expected);
          expect(await pairs({ ...range("m/"), ...options, reverse: true })).toEqual(expected.toReversed());
          expect(await pairs({ ...range("m/"), ...options, limit: 2 })).toEqual(expected.slice(0, 2));
          const down = { ...options, limit: 2, reverse: true };
          expect(await pairs({ ...range("m/"), ...down })).toEqual(expected.toReversed().slice(0, 2));
        }
        const all = ["m/h", "m/a", "m/zz", "m/a", ..."bcdefg".split("").map((each) => `m/${each}`)];
        expect((await raw.batchGet(all.map(bytes))).map(text)).toEqual(all.map((key) => model.get(key)));
        expect(await raw.checksum(range("m/"))).toMatchObject({ pairs: BigInt(model.size) });
      }),
      { numRuns: 40 },
    );
  }, 120_000);

  async function pairs(options: Parameters<RawClient["scan"]>[0]): Promise<(readonly [string, string])[]> {
    const found: (readonly [string, string])[] = [];
    for await (const page of raw.scan(options)) {
      for (const { key, value } of page) found.push([text(key)!, text(value)!]);
    }
    return found;
  }

  test("a whole cluster is scanned without bounds, both ways, and without values", async () => {
    await raw.deleteRange({});
    await raw.batchPut(["a", "m", "z"].map((each) => ({ key: bytes(each), value: bytes(each) })));
    await raw.put(new Uint8Array(8_192).fill(0xff), bytes("last"));
    expect((await pairs({ keysOnly: true })).map(([key, value]) => [key.slice(0, 1), value])).toEqual([
      ["a", ""],
      ["m", ""],
      ["z", ""],
      [expect.any(String), ""],
    ]);
    expect((await pairs({ reverse: true })).map(([, value]) => value)).toEqual(["last", "z", "m", "a"]);
    await raw.deleteRange({});
    expect(await pairs({})).toEqual([]);
  });

  test("many pairs are put, read and deleted over many requests", async () => {
    const many = Array.from({ length: 3_000 }, (_, at) => `many/${String(at).padStart(5, "0")}`);
    await raw.batchPut(many.map((key) => ({ key: bytes(key), value: bytes(key.repeat(4)) })));
    expect((await raw.batchGet(many.map(bytes))).map(text)).toEqual(many.map((key) => key.repeat(4)));
    expect((await pairs(range("many/"))).map(([key]) => key)).toEqual(many);
    await raw.batchDelete(many.map(bytes));
    expect(await pairs(range("many/"))).toEqual([]);
  });

  test("a ttl is kept, in seconds", async () => {
    await raw.put(bytes("ttl/some"), bytes("1"), { ttlSeconds: 1_000 });
    await raw.batchPut([
      { key: bytes("ttl/batch"), value: bytes("1"), ttlSeconds: 500 },
      { key: bytes("ttl/ever"), value: bytes("1") },
    ]);
    await raw.compareAndSwap(bytes("ttl/swap"), { previous: undefined, value: bytes("1"), ttlSeconds: 2_000 });
    for (const [key, most] of Object.entries({ some: 1_000, batch: 500, swap: 2_000 })) {
      const left = (await raw.ttl(bytes(`ttl/${key}`)))!;
      expect(left).toBeLessThanOrEqual(most);
      expect(left).toBeGreaterThan(most - 100);
    }
    expect(await raw.ttl(bytes("ttl/ever"))).toBe(Number.POSITIVE_INFINITY);
    expect(await raw.ttl(bytes("ttl/none"))).toBeUndefined();
  });

  test("column families are apart, and one that is none is refused", async () => {
    const write = client.raw({ columnFamily: "write" });
    await raw.put(bytes("cf"), bytes("default"));
    await write.put(bytes("cf"), bytes("write"));
    expect([text(await raw.get(bytes("cf"))), text(await write.get(bytes("cf")))]).toEqual(["default", "write"]);
    const none = client.raw({ columnFamily: "none", atomic: true });
    const calls = [
      () => none.get(bytes("cf")),
      () => none.put(bytes("cf"), bytes("1")),
      () => none.delete(bytes("cf")),
      () => none.batchGet([bytes("cf")]),
      () => none.batchPut([{ key: bytes("cf"), value: bytes("1") }]),
      () => none.batchDelete([bytes("cf")]),
      () => none.deleteRange(range("cf")),
      () => none.ttl(bytes("cf")),
      () => none.scan().next(),
      () => none.compareAndSwap(bytes("cf"), { previous: undefined, value: bytes("1") }),
    ];
    for (const call of calls) await expect(call()).rejects.toMatchObject({ code: "REFUSED", message: /column family/ });
  });
});

describe("agreement with client-go", () => {
  test("each reads what the other wrote", async () => {
    await using go = await ClientGo.open(cluster.pd);
    await go.rawPut(bytes("go/theirs"), bytes("1"), 1_000);
    await raw.put(bytes("go/ours"), bytes("2"));
    expect(text(await raw.get(bytes("go/theirs")))).toBe("1");
    expect(text(await go.rawGet(bytes("go/ours")))).toBe("2");
    expect(await go.rawSwap(bytes("go/ours"), bytes("2"), bytes("3"))).toBe(true);
    const swap = { previous: bytes("2"), value: bytes("4") };
    expect(await raw.compareAndSwap(bytes("go/ours"), swap)).toEqual({ swapped: false, previous: bytes("3") });
    const theirs = await go.rawScan(bytes("go/"), bytes("go/~"), 9);
    for await (const page of raw.scan(range("go/"))) {
      expect(page.map(({ key, value }) => [text(key), text(value)])).toEqual(
        theirs.map(({ key, value }) => [text(key), text(value)]),
      );
    }
  });
});

describe("bad input", () => {
  const key = bytes("k");
  test.each<[string, () => Promise<unknown>, string, string]>([
    ["an empty key", () => raw.get(new Uint8Array(0)), "INVALID_ARGUMENT", "key: expected a key that is not empty"],
    ["a text", () => raw.get("k" as never), "INVALID_ARGUMENT", "key: expected bytes as a Uint8Array"],
    [
      "a long key",
      () => raw.put(new Uint8Array(8_193), key),
      "TOO_LARGE",
      "key: a key of 8193 bytes, where TiKV takes 8192",
    ],
    ["a value of 8 MiB", () => raw.put(key, new Uint8Array(2 ** 23)), "TOO_LARGE", "value: a value of 8388608 bytes"],
    ["no value", () => raw.put(key, undefined as never), "INVALID_ARGUMENT", "value: expected bytes"],
    [
      "a ttl of nothing",
      () => raw.put(key, key, { ttlSeconds: 0 }),
      "INVALID_ARGUMENT",
      "ttlSeconds: expected whole seconds",
    ],
    ["one of many keys", () => raw.batchGet([key, new Uint8Array(0)]), "INVALID_ARGUMENT", "keys[1]: expected"],
    ["no list", () => raw.batchDelete(key as never), "INVALID_ARGUMENT", "keys: expected a list"],
    [
      "a key twice",
      () =>
        raw.batchPut([
          { key, value: key },
          { key, value: key },
        ]),
      "INVALID_ARGUMENT",
      "pairs: expected each key once",
    ],
    [
      "a range upside down",
      () => raw.deleteRange({ start: bytes("b"), end: bytes("a") }),
      "INVALID_ARGUMENT",
      "end: expected",
    ],
    [
      "a page of nothing",
      () => raw.scan({ pageSize: 0 }).next(),
      "INVALID_ARGUMENT",
      "pageSize: expected a whole number from 1 to 10240",
    ],
    ["a limit below 0", () => raw.scan({ limit: -1 }).next(), "INVALID_ARGUMENT", "limit: expected"],
    ["a timeout of nothing", () => raw.get(key, { timeoutMs: 0 }), "INVALID_ARGUMENT", "timeoutMs: expected"],
    ["no signal", () => raw.get(key, { signal: {} as never }), "INVALID_ARGUMENT", "signal: expected an AbortSignal"],
    [
      "a swap beside plain writes",
      () => client.raw().compareAndSwap(key, { previous: key, value: key }),
      "INVALID_ARGUMENT",
      "atomic: expected true",
    ],
    ["an aborted signal", () => raw.get(key, { signal: AbortSignal.abort() }), "ABORTED", "aborted"],
  ])("%s", async (_name, call, code, message) => {
    const failure = call();
    await expect(failure).rejects.toBeInstanceOf(TikvError);
    await expect(failure).rejects.toMatchObject({ code, outcome: "none" });
    await expect(failure).rejects.toThrow(message);
  });

  test("a ttl under API V1, and a closed client", async () => {
    const v1 = await TikvClient.open({ endpoints: cluster.pd });
    await expect(v1.raw().put(key, key, { ttlSeconds: 1 })).rejects.toThrow("API V1 has no ttl");
    const plain = v1.raw();
    await v1.close();
    await v1.close();
    await expect(plain.get(key)).rejects.toMatchObject({ code: "CLOSED" });
    await expect(v1.timestamp()).rejects.toMatchObject({ code: "CLOSED" });
  });
});
