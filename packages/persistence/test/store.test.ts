import { expect, test } from "vitest";

import { compose, defineLayer, type StoreDriver, wrapDriver } from "../src/driver.ts";
import { decodeEnvelope, encodeEnvelope } from "../src/envelope/envelope.ts";
import { type Change, createStore, type Cursor, type Version } from "../src/index.ts";
import { manualClock, mapData, mapDriver } from "../src/testing/index.ts";
import { bytes, collect, endOf, failure, fullDriver, gate, hang, recorded, text, unavailable } from "./support.ts";

/** A driver that looks like a server, for which the store gathers reads and sets deadlines. */
const networked = (driver: StoreDriver): StoreDriver => ({
  ...driver,
  capabilities: { ...driver.capabilities, scope: "cluster" },
});

test("entries, versions and conflicts come back as the store's own", async () => {
  const store = await createStore(mapDriver());
  const first = await store.put("k", bytes("one"), "absent");
  const entry = await store.get("k");
  expect(entry).toMatchObject({ key: "k", version: first.ok ? first.version : "", ageMs: expect.any(Number) });
  const lost = await store.put("k", bytes("two"), "absent");
  expect(lost.ok).toBe(false);
  if (!lost.ok) expect(lost.current).toMatchObject({ key: "k", version: entry?.version });
  expect(await store.delete("k", { version: entry?.version ?? ("" as Version) })).toEqual({ ok: true });
  expect(await store.delete("k", "always")).toEqual({ ok: true });
  expect(await store.get("k")).toBeUndefined();
});

test("namespaces share a backend and see nothing of each other, whatever their names", async () => {
  const data = mapData();
  const names = ["a", "a-data", "A", "", "a/b", "é", "n".repeat(3_000), `${"n".repeat(3_000)}2`];
  const stores = await Promise.all(names.map((namespace) => createStore(mapDriver({ data }), { namespace })));
  const long = "k".repeat(4_000);
  for (const [at, store] of stores.entries()) {
    await store.put("k", bytes(`${at}`), "absent");
    await store.put(long, bytes(`${at}`), "absent");
  }
  for (const [at, store] of stores.entries()) {
    const entries = await collect(store.scan({ prefix: "" }));
    expect(entries.map(({ key, value }) => [key, text(value)])).toEqual([
      ["k", `${at}`],
      [long, `${at}`],
    ]);
  }
});

test("a listing pages, stops at its limit and goes on after a key", async () => {
  const store = await createStore(mapDriver());
  for (const key of ["b/1", "a", "b/3", "b/2", "B", "é"]) await store.put(key, bytes(key), "absent");
  const keys = async (range: Parameters<typeof store.scan>[0]): Promise<string[]> =>
    (await collect(store.scan(range))).map(({ key }) => key);
  expect(await keys({ prefix: "" })).toEqual(["B", "a", "b/1", "b/2", "b/3", "é"]);
  expect(await keys({ prefix: "b/" })).toEqual(["b/1", "b/2", "b/3"]);
  expect(await keys({ prefix: "b/", limit: 2 })).toEqual(["b/1", "b/2"]);
  expect(await keys({ prefix: "b/", after: "b/2" })).toEqual(["b/3"]);
  const [bare] = await collect(store.scan({ prefix: "a", keysOnly: true }));
  expect(bare).toMatchObject({ key: "a", value: new Uint8Array(0) });
});

test("a long prefix, whose driver prefix is cut, still tells its own keys from its neighbours'", async () => {
  const inner = mapDriver();
  const capabilities = { ...inner.capabilities, limits: { ...inner.capabilities.limits, maxKeyBytes: 128 } };
  const store = await createStore({ ...inner, capabilities });
  const stem = "s".repeat(90);
  for (const key of [`${stem}a1`, `${stem}b1`, `${stem}a${"x".repeat(100)}`, `${stem}b${"x".repeat(100)}`]) {
    await store.put(key, bytes(key), "absent");
  }
  for (const keysOnly of [true, false]) {
    const keys = (await collect(store.scan({ prefix: `${stem}a`, keysOnly }))).map(({ key }) => key);
    expect(keys.toSorted()).toEqual([`${stem}a1`, `${stem}a${"x".repeat(100)}`]);
  }
});

test("versions of a keys-only listing work", async () => {
  const store = await createStore(mapDriver());
  await store.put("k", bytes("1"), "absent");
  const [listed] = await collect(store.scan({ prefix: "", keysOnly: true }));
  if (listed === undefined) throw new Error("not listed");
  expect((await store.put("k", bytes("2"), { version: listed.version })).ok).toBe(true);
  expect((await store.delete("k", { version: listed.version })).ok).toBe(false);
});

test("gets of one turn go out as one getMany; of an embedded driver one by one", async () => {
  for (const scope of ["cluster", "process"] as const) {
    const { driver, calls } = recorded({ ...fullDriver(), capabilities: { ...fullDriver().capabilities, scope } });
    const store = await createStore(driver);
    await store.put("a", bytes("A"), "absent");
    calls.length = 0;
    const found = await Promise.all(["a", "b", "a"].map((key) => store.get(key)));
    expect(found.map((entry) => text(entry?.value))).toEqual(["A", undefined, "A"]);
    const sent = calls.map(({ operation }) => operation);
    expect(sent).toEqual(scope === "cluster" ? ["getMany"] : ["get", "get", "get"]);
    calls.length = 0;
    await store.get("a");
    expect(calls.map(({ operation }) => operation)).toEqual(["get"]);
  }
});

test("a gathered read goes out in pieces of 128, and each caller keeps its own signal", async () => {
  const inner = fullDriver();
  const held = gate();
  const sizes: number[] = [];
  const getMany = inner.getMany!.bind(inner);
  inner.getMany = async (keys, options) => {
    sizes.push(keys.length);
    await held.passed;
    return getMany(keys, options);
  };
  const store = await createStore(networked(inner));
  const abort = new AbortController();
  const given = failure(store.get("mine", { signal: abort.signal }));
  const others = Promise.all(Array.from({ length: 199 }, (_, at) => store.get(`${at}`)));
  await new Promise((resolve) => setImmediate(resolve));
  abort.abort();
  expect((await given).code).toBe("ABORTED");
  held.open();
  expect(await others).toHaveLength(199);
  expect(sizes).toEqual([128, 72]);
});

test("a failure of a gathered read reaches each caller with its own key", async () => {
  const inner = fullDriver();
  inner.getMany = async () => {
    throw unavailable("none");
  };
  const store = await createStore(networked(inner));
  const errors = await Promise.all([failure(store.get("a")), failure(store.get("b"))]);
  expect(errors.map(({ code, operation }) => [code, operation])).toEqual([
    ["UNAVAILABLE", "get"],
    ["UNAVAILABLE", "get"],
  ]);
  expect(errors[0]?.key).not.toBe(errors[1]?.key);
});

test.each(["cluster", "process"] as const)("a call of a %s store ends after ten seconds, or never", async (scope) => {
  const clock = manualClock();
  const inner = mapDriver({ clock });
  const driver = { ...inner, capabilities: { ...inner.capabilities, scope } };
  const store = await createStore(driver, { clock });
  driver.get = hang;
  expect(await endOf(store.get("k"), clock, 9_999)).toBeUndefined();
  const end = await endOf(store.get("k"), clock, 10_000);
  if (scope === "cluster") expect(end).toMatchObject({ code: "TIMEOUT", outcome: "none", operation: "get" });
  else expect(end).toBeUndefined();
  const unhurried = store.get("k", { deadline: Number.POSITIVE_INFINITY });
  expect(await endOf(unhurried, clock, 1_000_000)).toBeUndefined();
});

test("a listing that hangs ends at its deadline or signal, and does not wait for its stream to end", async () => {
  const clock = manualClock();
  const inner = mapDriver({ clock });
  const driver: StoreDriver = { ...inner };
  const store = await createStore(driver, { clock });
  driver.scan = async function* () {
    yield [];
    await hang();
  };
  const late = await endOf(collect(store.scan({ prefix: "" }, { deadline: clock.now() + 50 })), clock, 50);
  expect(late).toMatchObject({ code: "TIMEOUT" });
  const abort = new AbortController();
  const call = collect(store.scan({ prefix: "" }, { signal: abort.signal }));
  setImmediate(() => abort.abort());
  expect(await endOf(call, clock, 0)).toMatchObject({ code: "ABORTED" });
});

test("a reader that stops ends the driver's stream", async () => {
  const inner = mapDriver();
  const driver: StoreDriver = { ...inner };
  const store = await createStore(driver);
  await store.put("k", bytes("v"), "absent");
  let ended = false;
  driver.scan = async function* (range) {
    try {
      yield* inner.scan(range);
      yield* inner.scan(range);
    } finally {
      ended = true;
    }
  };
  for await (const page of store.scan({ prefix: "" })) {
    expect(page).toHaveLength(1);
    break;
  }
  expect(ended).toBe(true);
});

test("a watch tells changes by the user's keys, and may be quiet for longer than a call", async () => {
  const clock = manualClock();
  const data = mapData();
  const seed = await createStore(mapDriver({ data, clock }), { clock });
  await seed.put("a/1", bytes("v"), "absent");
  const [driverKey = "", slot] = [...data.slots][0] ?? [];
  if (slot === undefined) throw new Error("nothing stored");
  const cursor = "1" as Cursor;
  const changes: Change[] = [
    { type: "put", entry: { key: driverKey, value: slot.value, version: slot.version }, cursor },
    { type: "delete", key: driverKey, cursor },
    { type: "delete", key: driverKey.replace("a.2f1", "b"), cursor },
  ];
  const store = await createStore(networked(fullDriver({ clock, changes })), { clock });
  const stream = store.watch({ prefix: "a/" })[Symbol.asyncIterator]();
  expect((await stream.next()).value).toEqual({ type: "resync", cursor: "0" });
  expect((await stream.next()).value).toMatchObject([
    { type: "put", entry: { key: "a/1", value: slot.value.subarray(-1) } },
  ]);
  expect((await stream.next()).value).toMatchObject([{ type: "delete", key: "a/1" }]);
  expect(await endOf(stream.next(), clock, 3_600_000)).toBeUndefined();
});

test("a watch that can't name a deleted key, because it was hashed, asks to read anew", async () => {
  const cursor = "5" as Cursor;
  const data = mapData();
  await (await createStore(mapDriver({ data }))).put("k".repeat(2_000), bytes("v"), "absent");
  const [key = ""] = data.slots.keys();
  const store = await createStore(fullDriver({ changes: [{ type: "delete", key, cursor }] }));
  const stream = store.watch({ prefix: "k" })[Symbol.asyncIterator]();
  await stream.next();
  expect((await stream.next()).value).toEqual({ type: "resync", cursor });
});

test("a watch ends with the caller's deadline", async () => {
  const clock = manualClock();
  const store = await createStore(fullDriver({ clock }), { clock });
  const call = Array.fromAsync(store.watch({ prefix: "" }, { deadline: clock.now() + 70 }));
  expect(await endOf(call, clock, 70)).toMatchObject({ code: "TIMEOUT" });
});

test("a write that is given up while it is under way is unknown; a read is not", async () => {
  const clock = manualClock();
  const driver = mapDriver({ clock });
  const store = await createStore(driver, { clock });
  driver.put = hang;
  driver.get = hang;
  const deadline = clock.now() + 10;
  const write = store.put("k", bytes("v"), "always", { deadline });
  expect(await endOf(write, clock, 10)).toMatchObject({ code: "TIMEOUT", outcome: "unknown", retryable: false });
  const read = store.get("k", { deadline: clock.now() + 10 });
  expect(await endOf(read, clock, 10)).toMatchObject({ code: "TIMEOUT", outcome: "none", retryable: true });
});

test("closing is done once, ends what is asked later, and tells what the driver could not do", async () => {
  let closed = 0;
  const store = await createStore({ ...mapDriver(), close: async () => void (closed += 1) });
  await Promise.all([store.close(), store.close()]);
  await store[Symbol.asyncDispose]();
  expect(closed).toBe(1);
  expect((await failure(store.get("k"))).code).toBe("CLOSED");
  const stuck = await createStore({ ...mapDriver(), close: () => Promise.reject(new Error("stuck")) });
  expect(await failure(stuck.close())).toMatchObject({ code: "INTERNAL", operation: "close" });
});

test("a listing that is open when the store is closed ends with its next page", async () => {
  const store = await createStore(mapDriver());
  for (const key of ["a", "b"]) await store.put(key, bytes(key), "absent");
  const pages = store.scan({ prefix: "" });
  await pages[Symbol.asyncIterator]().next();
  await store.close();
  expect((await failure(collect(pages))).code).toBe("CLOSED");
});

test("errors that no driver should throw are named as its defects, with their cause", async () => {
  const driver = mapDriver();
  const store = await createStore(driver);
  const stray = new TypeError("undefined is not a function");
  driver.get = async () => {
    throw stray;
  };
  expect(await failure(store.get("k"))).toMatchObject({
    code: "INTERNAL",
    provider: "map",
    operation: "get",
    cause: stray,
  });
  driver.get = () => {
    throw stray;
  };
  expect(await failure(store.get("k"))).toMatchObject({ code: "INTERNAL", cause: stray });
});

test("stored bytes that are no envelope, or that no layer has opened, are refused", async () => {
  const data = mapData();
  const store = await createStore(mapDriver({ data }));
  await store.put("k", bytes("v"), "absent");
  const [key = "", slot] = [...data.slots][0] ?? [];
  if (slot === undefined) throw new Error("nothing stored");
  for (const value of [new Uint8Array(0), bytes("hello"), slot.value.subarray(1)]) {
    data.slots.set(key, { ...slot, value });
    for (const call of [() => store.get("k"), () => store.getMany(["k"]), () => collect(store.scan({ prefix: "" }))]) {
      expect((await failure(call)).code).toBe("CORRUPT");
    }
  }
  const envelope = decodeEnvelope(slot.value);
  data.slots.set(key, { ...slot, value: encodeEnvelope({ ...envelope, codec: "zstd" }) });
  expect((await failure(store.get("k"))).message).toContain("compressed with zstd");
  const encryption = { keyId: "k1", iv: new Uint8Array(12), tag: new Uint8Array(16) };
  data.slots.set(key, { ...slot, value: encodeEnvelope({ ...envelope, encryption }) });
  expect(await failure(store.get("k"))).toMatchObject({ code: "DENIED" });
});

test("optional methods appear through every layer exactly where the driver has them", () => {
  const full = compose(fullDriver(), [
    defineLayer("trace", (inner) => wrapDriver(inner, (_call, options, run) => run(options))),
  ]);
  const bare = compose(mapDriver(), [
    defineLayer("trace", (inner) => wrapDriver(inner, (_call, options, run) => run(options))),
  ]);
  for (const method of ["getMany", "write", "watch", "session", "nextFence"] as const) {
    expect(full[method]).toBeTypeOf("function");
    expect(bare[method]).toBeUndefined();
  }
});
