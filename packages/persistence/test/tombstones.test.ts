import { expect, test } from "vitest";

import type { StoreDriver } from "../src/driver.ts";
import { createStore, type Store } from "../src/index.ts";
import { manualClock, mapData, type MapData, mapDriver } from "../src/testing/index.ts";
import { bytes, collect, failure, recorded, text, unavailable } from "./support.ts";

/** A server that takes the condition of a delete and ignores it. */
function careless(data: MapData): StoreDriver {
  const inner = mapDriver({ data });
  return { ...inner, delete: (key) => inner.delete(key, "always") };
}

async function world(): Promise<{ data: MapData; store: Store; other: Store; deletes: () => number }> {
  const data = mapData();
  const { driver, calls } = recorded(careless(data));
  const store = await createStore(driver);
  calls.length = 0;
  const other = await createStore(careless(data));
  return { data, store, other, deletes: () => calls.filter(({ operation }) => operation === "delete").length };
}

test("a store whose server lets stale deletes through says so, and offers no commit", async () => {
  const { store } = await world();
  expect(store.capabilities).toMatchObject({ conditionalDelete: false, commit: "none" });
  expect((await failure(store.commit([], []))).code).toBe("UNSUPPORTED");
  expect((await failure(store.begin())).code).toBe("UNSUPPORTED");
});

test("a delete leaves a tombstone, which reads, listings and creates take for nothing", async () => {
  const { data, store, deletes } = await world();
  await store.put("k", bytes("one"), "absent");
  expect(await store.delete("k", "always")).toEqual({ ok: true });
  expect(deletes()).toBe(0);
  expect(data.slots.size).toBe(1);
  expect(await store.get("k")).toBeUndefined();
  expect(await store.getMany(["k"])).toEqual([undefined]);
  expect(await collect(store.scan({ prefix: "" }))).toEqual([]);
  expect(await collect(store.scan({ prefix: "", keysOnly: true, limit: 5 }))).toEqual([]);
  await store.put("l", bytes("live"), "absent");
  expect(await collect(store.scan({ prefix: "", limit: 1 }))).toMatchObject([{ key: "l" }]);
  expect(await store.delete("l", "always")).toEqual({ ok: true });
  expect((await store.put("k", bytes("two"), "absent")).ok).toBe(true);
  expect(data.slots.size).toBe(2);
  expect(text((await store.get("k"))?.value)).toBe("two");
});

test("a stale delete is refused and shows what stands there", async () => {
  const { store, other } = await world();
  const first = await store.put("k", bytes("one"), "absent");
  await other.put("k", bytes("two"), "always");
  if (!first.ok) throw new Error("refused");
  const refused = await store.delete("k", { version: first.version });
  expect(refused.ok ? undefined : text(refused.current?.value)).toBe("two");
  expect(text((await store.get("k"))?.value)).toBe("two");
});

test("the version of a deleted entry is not valid for the next one", async () => {
  const { store } = await world();
  const first = await store.put("k", bytes("one"), "absent");
  if (!first.ok) throw new Error("refused");
  expect(await store.delete("k", { version: first.version })).toEqual({ ok: true });
  expect(await store.delete("k", { version: first.version })).toEqual({ ok: false, current: undefined });
  await store.put("k", bytes("two"), "absent");
  expect((await store.put("k", bytes("three"), { version: first.version })).ok).toBe(false);
  expect((await store.delete("k", { version: first.version })).ok).toBe(false);
});

test("deleting nothing writes nothing", async () => {
  const { data, store } = await world();
  expect(await store.delete("k", "always")).toEqual({ ok: true });
  expect(data.slots.size).toBe(0);
});

test("twenty creators over a tombstone have one winner", async () => {
  const { store, other } = await world();
  await store.put("k", bytes("old"), "absent");
  await store.delete("k", "always");
  const puts = Array.from({ length: 20 }, (_, index) =>
    (index % 2 ? store : other).put("k", bytes(`${index}`), "absent"),
  );
  const won = (await Promise.all(puts)).map(({ ok }, index) => (ok ? index : -1)).filter((index) => index >= 0);
  expect(won).toHaveLength(1);
  expect(text((await store.get("k"))?.value)).toBe(String(won[0]));
});

test("bulk writes and deletes go the same way, bad ones by themselves", async () => {
  const { store, deletes } = await world();
  await store.put("a", bytes("a"), "absent");
  const results = await store.write([
    { type: "delete", key: "a", when: "always" },
    { type: "put", key: "b", value: bytes("b"), when: "absent" },
    { type: "drop" as "delete", key: "b", when: "always" },
  ]);
  expect(results).toMatchObject([{ ok: true }, { ok: true }, { code: "INVALID_ARGUMENT" }]);
  expect(deletes()).toBe(0);
  expect((await collect(store.scan({ prefix: "" }))).map(({ key }) => key)).toEqual(["b"]);
});

test("a create is sent again here, since no key is ever really deleted", async () => {
  const clock = manualClock();
  const data = mapData();
  const inner = careless(data);
  let sent = 0;
  const store = await createStore(inner, { clock, operationTimeoutMs: 1_000 });
  const put = inner.put.bind(inner);
  inner.put = async (...given) => {
    sent += 1;
    if (sent === 1) throw unavailable("unknown");
    return put(...given);
  };
  const call = store.put("k", bytes("mine"), "absent");
  await clock.advance(100);
  expect((await call).ok).toBe(true);
  expect(sent).toBe(2);
});
