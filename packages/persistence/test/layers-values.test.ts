import { randomBytes } from "node:crypto";
import { inspect } from "node:util";

import fc from "fast-check";
import { expect, test } from "vitest";

import type { StoreDriver } from "../src/driver.ts";
import { type Codec, decodeEnvelope, encodeEnvelope } from "../src/envelope/envelope.ts";
import {
  type Change,
  compress,
  type CompressionCodec,
  createStore,
  type Cursor,
  encrypt,
  keyRing,
  type Layer,
  prefix,
  type Store,
  type Version,
} from "../src/index.ts";
import { CODERS } from "../src/layers/codecs.ts";
import { mapData, type MapData, mapDriver, seededRandom } from "../src/testing/index.ts";
import { bytes, collect, failure, fullDriver, recorded } from "./support.ts";

const key1 = Buffer.alloc(32, 1);
const key2 = Buffer.alloc(32, 2);
const ring = keyRing({ active: "one", keys: { one: key1 } });
const long = bytes("orbit ".repeat(500));
const CODECS: readonly CompressionCodec[] = ["gzip", "lz4", "zstd"];

const layers: readonly (readonly [string, () => Layer])[] = [
  ...CODECS.map((codec) => [`compress ${codec}`, () => compress({ codec })] as const),
  ["encrypt", () => encrypt({ keys: ring })],
  ["prefix", () => prefix({ prefix: "team_7." })],
];

const open = (data: MapData, ...given: Layer[]): Promise<Store> => createStore(fullDriver({ data }), { layers: given });

function only(data: MapData): { key: string; value: Uint8Array; version: Version; set: (value: Uint8Array) => void } {
  const [[key, slot] = ["", undefined]] = [...data.slots];
  if (slot === undefined || data.slots.size !== 1) throw new Error("expected one slot");
  return { key, ...slot, set: (value) => void data.slots.set(key, { ...slot, value }) };
}

test.each(layers)("%s undoes what it does wherever a value comes out", async (_name, layer) => {
  const data = mapData();
  const store = await open(data, layer());
  const put = await store.put("a", long, "absent");
  const version = put.ok ? put.version : ("" as Version);
  const entry = { key: "a", value: Buffer.from(long), version };
  expect(await store.get("a")).toMatchObject(entry);
  expect(await store.getMany(["b", "a"])).toMatchObject([undefined, entry]);
  expect(await collect(store.scan({ prefix: "" }))).toMatchObject([entry]);
  expect(await collect(store.scan({ prefix: "a", after: "0", limit: 1, keysOnly: true }))).toMatchObject([
    { key: "a", value: new Uint8Array(0) },
  ]);
  const conflict = { ok: false, current: entry };
  const stale = `0${version}` as Version;
  const op = { type: "put", key: "a", value: long, when: "absent" } as const;
  expect(await store.put("a", long, "absent")).toMatchObject(conflict);
  expect(await store.delete("a", { version: stale })).toMatchObject(conflict);
  expect(await store.write([op, { type: "delete", key: "a", when: { version: stale } }])).toMatchObject([
    conflict,
    conflict,
  ]);
  expect(await store.commit([{ key: "a", when: "absent" }], [])).toMatchObject({
    ok: false,
    conflicts: [{ key: "a", current: entry }],
  });
  expect(await store.write([{ ...op, key: "w", when: "always" }])).toMatchObject([{ ok: true }]);
  expect(await store.commit([], [{ ...op, key: "c" }])).toMatchObject({ ok: true });
  const rest = await collect(store.scan({ prefix: "", after: "a" }));
  expect(rest.map(({ key }) => key)).toEqual(["c", "w"]);
  for (const key of ["w", "c"]) expect(Buffer.from((await store.get(key))?.value ?? [])).toEqual(Buffer.from(long));
  expect(await store.delete("a", { version })).toEqual({ ok: true });
});

test.each(layers)("%s undoes what it does in a watch", async (_name, layer) => {
  const data = mapData();
  await (await open(data, layer())).put("a", long, "absent");
  const { key, value, version } = only(data);
  const cursor = "1" as Cursor;
  const changes: Change[] = [
    { type: "put", entry: { key, value, version }, cursor },
    { type: "delete", key, cursor },
  ];
  const store = await createStore(fullDriver({ data, changes }), { layers: [layer()] });
  const stream = store.watch({ prefix: "" })[Symbol.asyncIterator]();
  expect((await stream.next()).value).toEqual({ type: "resync", cursor: "0" });
  expect((await stream.next()).value).toMatchObject([{ type: "put", entry: { key: "a", value: Buffer.from(long) } }]);
  expect((await stream.next()).value).toMatchObject([{ type: "delete", key: "a" }]);
});

test.each(layers)("%s keeps any value, beside all fields of an envelope", async (_name, layer) => {
  const driver = layer()(mapDriver());
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 3_000 }), fc.boolean(), fc.boolean(), async (body, full, repeat) => {
      const envelope = {
        nonce: randomBytes(16),
        tombstone: full,
        codec: "none" as const,
        body: repeat ? Buffer.concat([body, body, body]) : body,
        ...(full && { previousNonce: randomBytes(16), fence: 2n ** 63n, grant: randomBytes(16), key: "some/key" }),
      };
      const written = encodeEnvelope(envelope);
      await driver.put("k", written, "always");
      expect(Buffer.from((await driver.get("k"))?.value ?? [])).toEqual(written);
    }),
  );
});

async function stored(layer: Layer, value: Uint8Array): Promise<ReturnType<typeof decodeEnvelope>> {
  const data = mapData();
  await (await open(data, layer)).put("k", value, "always");
  return decodeEnvelope(only(data).value);
}

test.each(CODECS)("compress stores %s where it pays, and the value itself where it does not", async (codec) => {
  const layer = compress({ codec });
  const kilobyte = Buffer.alloc(1_024, "abcdefgh");
  expect((await stored(layer, kilobyte)).codec).toBe(codec);
  expect((await stored(layer, kilobyte)).body.length).toBeLessThan(200);
  expect((await stored(layer, kilobyte.subarray(1))).codec).toBe("none");
  const random = Buffer.from(seededRandom(3).fill(new Uint8Array(4_000)));
  expect((await stored(layer, random)).codec).toBe("none");
  // A twentieth of it can be saved: too little. A third of it: enough.
  expect((await stored(layer, Buffer.concat([random, Buffer.alloc(200)]))).codec).toBe("none");
  expect((await stored(layer, Buffer.concat([random, Buffer.alloc(2_000)]))).codec).toBe(codec);
  expect((await stored(compress({ codec, thresholdBytes: 64 }), kilobyte.subarray(900))).codec).toBe(codec);
});

test("compress reads every codec, whichever it writes", async () => {
  const data = mapData();
  for (const codec of CODECS) await (await open(data, compress({ codec }))).put(codec, long, "absent");
  for (const codec of CODECS) {
    const store = await open(data, compress({ codec }));
    for (const other of CODECS) expect(Buffer.from((await store.get(other))?.value ?? [])).toEqual(Buffer.from(long));
  }
});

test.each(CODECS)("a %s value that would expand beyond the largest value is refused", async (codec) => {
  const data = mapData();
  const inner = mapDriver({ data });
  const limits = { ...inner.capabilities.limits, maxValueBytes: 10_000 };
  const driver: StoreDriver = { ...inner, capabilities: { ...inner.capabilities, limits } };
  const store = await createStore(driver, { layers: [compress({ codec })] });
  await store.put("k", Buffer.alloc(9_000), "absent");
  expect((await store.get("k"))?.value.length).toBe(9_000);
  const slot = only(data);
  const bomb = await CODERS[codec].compress(Buffer.alloc(5_000_000));
  slot.set(encodeEnvelope({ ...decodeEnvelope(slot.value), body: bomb }));
  const error = await failure(store.get("k"));
  expect(error.code).toBe("CORRUPT");
  expect(error.message).toContain("at most 10000 bytes");
});

test.each(CODECS)("damaged %s data is corrupt", async (codec) => {
  const data = mapData();
  const store = await open(data, compress({ codec }));
  await store.put("k", long, "absent");
  const slot = only(data);
  const envelope = decodeEnvelope(slot.value);
  for (const body of [new Uint8Array(0), bytes("xx"), envelope.body.subarray(0, 10), Buffer.alloc(50, 0xff)]) {
    slot.set(encodeEnvelope({ ...envelope, body }));
    expect((await failure(store.get("k"))).code).toBe("CORRUPT");
  }
});

test("nothing of a value, and nothing twice the same, is stored by encrypt", async () => {
  const data = mapData();
  const store = await open(data, compress(), encrypt({ keys: ring }));
  const secret = "attack at dawn";
  await store.put("k", bytes(secret), "always");
  const first = only(data).value;
  await store.put("k", bytes(secret), "always");
  const second = only(data).value;
  for (const value of [first, second]) {
    expect(Buffer.from(value).includes(secret)).toBe(false);
    expect(Buffer.from(value).includes(secret.slice(0, 4))).toBe(false);
  }
  const [one, two] = [first, second].map((value) => decodeEnvelope(value));
  expect(Buffer.from(one?.body ?? [])).not.toEqual(Buffer.from(two?.body ?? []));
  expect(one?.encryption?.iv).not.toEqual(two?.encryption?.iv);
  expect(one?.encryption?.keyId).toBe("one");
});

test("two encrypted records that change places are corrupt", async () => {
  const data = mapData();
  const store = await open(data, encrypt({ keys: ring }));
  await store.put("alice", bytes("10"), "absent");
  await store.put("mallory", bytes("99"), "absent");
  const [[a, alice] = ["", undefined], [m, mallory] = ["", undefined]] = [...data.slots];
  if (alice === undefined || mallory === undefined) throw new Error("not stored");
  data.slots.set(a, mallory).set(m, alice);
  for (const key of ["alice", "mallory"]) expect((await failure(store.get(key))).code).toBe("CORRUPT");
  expect((await failure(collect(store.scan({ prefix: "" })))).code).toBe("CORRUPT");
  data.slots.set(a, alice);
  expect(Buffer.from((await store.get("alice"))?.value ?? []).toString()).toBe("10");
});

test("a record moved to another namespace is corrupt", async () => {
  const data = mapData();
  const make = (namespace: string) =>
    createStore(mapDriver({ data }), { namespace, layers: [encrypt({ keys: ring })] });
  const [one, two] = [await make("one"), await make("two")];
  await one.put("k", bytes("v"), "absent");
  const [[key, slot] = ["", undefined]] = [...data.slots];
  if (slot === undefined) throw new Error("not stored");
  data.slots.set(key.replace("one", "two"), slot);
  expect((await failure(two.get("k"))).code).toBe("CORRUPT");
});

test("any edited field of an encrypted record is corrupt, although its checksum is right", async () => {
  const data = mapData();
  const store = await open(data, encrypt({ keys: keyRing({ active: "one", keys: { one: key1, two: key2 } }) }));
  await store.put("k", bytes("value"), "absent");
  const slot = only(data);
  const envelope = decodeEnvelope(slot.value);
  const { encryption } = envelope;
  if (encryption === undefined) throw new Error("not encrypted");
  const other = Buffer.alloc(16, 9);
  const edits: readonly Partial<typeof envelope>[] = [
    { nonce: other },
    { previousNonce: other },
    { fence: 1n },
    { grant: other },
    { tombstone: true },
    { key: "k" },
    { codec: "zstd" },
    { body: new Uint8Array(0) },
    { body: Buffer.from("other") },
    { encryption: { ...encryption, keyId: "two" } },
    { encryption: { ...encryption, iv: other.subarray(0, 12) } },
    { encryption: { ...encryption, tag: other } },
    { encryption: undefined },
    { encryption: undefined, body: bytes("forged") },
  ];
  for (const edit of edits) {
    slot.set(encodeEnvelope({ ...envelope, ...edit }));
    expect((await failure(store.get("k"))).code, inspect(edit)).toBe("CORRUPT");
  }
  slot.set(encodeEnvelope(envelope));
  expect(Buffer.from((await store.get("k"))?.value ?? []).toString()).toBe("value");
});

test("after a rotation old records are read, new ones written with the new key; without the old key they are denied", async () => {
  const data = mapData();
  const before = await open(data, encrypt({ keys: ring }));
  await before.put("old", bytes("old"), "absent");
  const rotated = keyRing({ active: "two", keys: { two: key2.toString("base64"), one: key1 } });
  const store = await open(data, encrypt({ keys: rotated }));
  await store.put("new", bytes("new"), "absent");
  expect(Buffer.from((await store.get("old"))?.value ?? []).toString()).toBe("old");
  const ids = [...data.slots.values()].map(({ value }) => decodeEnvelope(value).encryption?.keyId);
  expect(ids).toEqual(["one", "two"]);
  const error = await failure(before.get("new"));
  expect(error.code).toBe("DENIED");
  expect(error.message).toContain('"two"');
});

test("records without encryption are refused, or read for a migration", async () => {
  const data = mapData();
  await (await open(data)).put("k", bytes("plain"), "absent");
  expect((await failure((await open(data, encrypt({ keys: ring }))).get("k"))).code).toBe("CORRUPT");
  const migrating = await open(data, encrypt({ keys: ring, allowPlaintext: true }));
  const entry = await migrating.get("k");
  if (entry === undefined) throw new Error("not read");
  expect((await migrating.put("k", entry.value, { version: entry.version })).ok).toBe(true);
  expect(decodeEnvelope(only(data).value).encryption).toBeDefined();
});

test("the largest value that the store names fits with every layer, one that would not is refused before I/O", async () => {
  const inner = mapDriver();
  const limits = { ...inner.capabilities.limits, maxValueBytes: 5_000 };
  const { driver, calls } = recorded({ ...inner, capabilities: { ...inner.capabilities, limits } });
  const keys = keyRing({ active: "k".repeat(32), keys: { ["k".repeat(32)]: key1 } });
  const store = await createStore(driver, { layers: [compress(), encrypt({ keys }), prefix({ prefix: "p." })] });
  const { maxValueBytes } = store.capabilities.limits;
  const first = await store.put("k", randomBytes(maxValueBytes), "absent");
  expect(first.ok && (await store.put("k", randomBytes(maxValueBytes), first)).ok).toBe(true);
  calls.length = 0;
  const over = 5_000 - 24 - 20;
  expect((await failure(store.put("k", randomBytes(over), "always"))).code).toBe("TOO_LARGE");
  expect(calls).toEqual([]);
});

test("one slot that does not fit fails by itself", async () => {
  const inner = fullDriver();
  const limits = { ...inner.capabilities.limits, maxValueBytes: 5_000 };
  const store = await createStore(
    { ...inner, capabilities: { ...inner.capabilities, limits } },
    { layers: [encrypt({ keys: ring })] },
  );
  const results = await store.write([
    { type: "put", key: "big", value: randomBytes(4_970), when: "always" },
    { type: "put", key: "small", value: bytes("v"), when: "always" },
  ]);
  expect(results).toMatchObject([{ code: "TOO_LARGE", outcome: "none" }, { ok: true }]);
});

test("a key ring tells its ids and never a key", async () => {
  const secret = key1.toString("base64");
  const keys = keyRing({ active: "one", keys: { one: secret, two: key2 } });
  for (const shown of [inspect(keys, { depth: 9, showHidden: true }), JSON.stringify(keys)]) {
    expect(shown).not.toContain(secret);
    expect(shown).not.toContain(key1.toString("hex"));
    expect(shown).not.toContain("01 01 01");
  }
  expect(keys).toMatchObject({ active: "one", ids: ["one", "two"] });
  const error = await failure(() =>
    keyRing({
      active: "none",
      keys: { short: key1.subarray(1), text: `${secret}=`, url: "_".repeat(43), ["i".repeat(33)]: key1 },
    }),
  );
  expect(error.code).toBe("INVALID_ARGUMENT");
  for (const part of ['key "short"', 'key "text"', 'key "url"', "33 bytes", "active"])
    expect(error.message).toContain(part);
  expect(error.message).not.toContain(secret.slice(0, 10));
});

test("prefix lowers the longest key, keeps stores apart, and must leave room", async () => {
  const data = mapData();
  const [one, two] = [await open(data, prefix({ prefix: "one." })), await open(data, prefix({ prefix: "two." }))];
  await one.put("k".repeat(2_000), bytes("1"), "absent");
  expect(await collect(two.scan({ prefix: "" }))).toEqual([]);
  const [key = ""] = data.slots.keys();
  expect(key.startsWith("one.")).toBe(true);
  expect(key).toHaveLength(1_024);
  const layered = prefix({ prefix: "one." })(mapDriver());
  expect(layered.capabilities.limits.maxKeyBytes).toBe(1_020);
  expect((await failure(open(data, prefix({ prefix: "p".repeat(900) })))).code).toBe("INVALID_ARGUMENT");
});

test("the codecs of the layer are those of the envelope", () => {
  const names: readonly Codec[] = ["none", ...(Object.keys(CODERS) as CompressionCodec[])];
  expect(names.toSorted()).toEqual(["gzip", "lz4", "none", "zstd"]);
});
