import { expect, test } from "vitest";

import { createStore, StoreError } from "../src/index.ts";
import { manualClock, mapCapabilities, mapData, mapDriver } from "../src/testing/index.ts";
import { bytes, failure, recorded, text } from "./support.ts";

const open = async () => {
  const data = mapData();
  const { driver, calls } = recorded(mapDriver({ data }));
  const store = await createStore(driver);
  const other = await createStore(mapDriver({ data }));
  calls.length = 0;
  return { store, other, calls, writes: () => calls.filter(({ operation }) => operation !== "get") };
};

test("writes are applied together at the commit, and by one call of the driver", async () => {
  const { store, writes } = await open();
  await store.put("old", bytes("old"), "absent");
  const before = writes().length;
  await using transaction = await store.begin();
  transaction.put("a", bytes("1"));
  transaction.put("b", bytes("2"));
  transaction.delete("old");
  expect(writes()).toHaveLength(before);
  expect(await store.get("a")).toBeUndefined();
  await transaction.commit();
  expect(writes().map(({ operation }) => operation)).toEqual(["put", "commit"]);
  expect(text((await store.get("a"))?.value)).toBe("1");
  expect(text((await store.get("b"))?.value)).toBe("2");
  expect(await store.get("old")).toBeUndefined();
});

test("reads see the transaction's own writes and no one else's later ones", async () => {
  const { store, other } = await open();
  await store.put("k", bytes("1"), "absent");
  await using transaction = await store.begin();
  expect(text(await transaction.get("k"))).toBe("1");
  await other.put("k", bytes("2"), "always");
  expect(text(await transaction.get("k"))).toBe("1");
  transaction.put("k", bytes("3"));
  expect(text(await transaction.get("k"))).toBe("3");
  transaction.delete("k");
  expect(await transaction.get("k")).toBeUndefined();
});

test("what is put is what was in the buffer then", async () => {
  const { store } = await open();
  await using transaction = await store.begin();
  const buffer = Buffer.from("first");
  transaction.put("k", buffer);
  buffer.fill("x");
  await transaction.commit();
  expect(text((await store.get("k"))?.value)).toBe("first");
});

test("leaving the scope without a commit, and rolling back, write nothing", async () => {
  const { store, writes } = await open();
  {
    await using transaction = await store.begin();
    transaction.put("k", bytes("v"));
  }
  const second = await store.begin();
  second.put("k", bytes("v"));
  second.rollback();
  second.rollback();
  expect((await failure(second.commit())).code).toBe("CLOSED");
  expect((await failure(second.get("k"))).code).toBe("CLOSED");
  expect((await failure(() => second.put("k", bytes("v")))).code).toBe("CLOSED");
  expect((await failure(() => second.delete("k"))).code).toBe("CLOSED");
  expect(writes()).toEqual([]);
});

test.each(["changed", "deleted", "created"] as const)(
  "a key that was read and then %s is a conflict, and nothing is written",
  async (how) => {
    const { store, other } = await open();
    if (how !== "created") await store.put("read", bytes("1"), "absent");
    await using transaction = await store.begin();
    await transaction.get("read");
    transaction.put("written", bytes("v"));
    if (how === "deleted") await other.delete("read", "always");
    else await other.put("read", bytes("2"), "always");
    const error = await failure(transaction.commit());
    expect(error).toMatchObject({ code: "CONFLICT", outcome: "none" });
    expect(error.message).toContain('"read"');
    expect(await store.get("written")).toBeUndefined();
  },
);

test("a key that was read and is written or deleted is checked too", async () => {
  for (const change of ["put", "delete"] as const) {
    const { store, other } = await open();
    await store.put("k", bytes("1"), "absent");
    await using transaction = await store.begin();
    await transaction.get("k");
    if (change === "put") transaction.put("k", bytes("mine"));
    else transaction.delete("k");
    await other.put("k", bytes("2"), "always");
    expect((await failure(transaction.commit())).code).toBe("CONFLICT");
    expect(text((await store.get("k"))?.value)).toBe("2");
  }
});

test("the absence of a key that was read and is deleted is checked", async () => {
  const { store, other } = await open();
  await using transaction = await store.begin();
  expect(await transaction.get("k")).toBeUndefined();
  transaction.delete("k");
  await other.put("k", bytes("2"), "absent");
  expect((await failure(transaction.commit())).code).toBe("CONFLICT");
});

test("two reads of one key that are under way at once agree", async () => {
  const { store } = await open();
  await store.put("k", bytes("1"), "absent");
  await using transaction = await store.begin();
  const [one, two] = await Promise.all([transaction.get("k"), transaction.get("k")]);
  expect(one).toBe(two);
});

test("a transaction of nothing commits without a call", async () => {
  const { store, calls } = await open();
  await using transaction = await store.begin();
  await transaction.commit();
  expect(calls).toEqual([]);
});

test("work is run anew until its reads hold, and returns what the last run returned", async () => {
  const { store, other } = await open();
  await store.put("n", bytes("0"), "absent");
  let runs = 0;
  const result = await store.transaction(async (transaction) => {
    runs += 1;
    const n = Number(text(await transaction.get("n")));
    if (runs < 3) await other.put("n", bytes(String(n + 10)), "always");
    transaction.put("n", bytes(String(n + 1)));
    return runs;
  });
  expect(result).toBe(3);
  expect(text((await store.get("n"))?.value)).toBe("21");
});

test("work that always loses ends in a conflict", async () => {
  const clock = manualClock();
  const data = mapData();
  const store = await createStore(mapDriver({ data, clock }), { clock });
  const other = await createStore(mapDriver({ data, clock }), { clock });
  let runs = 0;
  const call = store.transaction(async (transaction) => {
    runs += 1;
    await transaction.get("n");
    await other.put("n", bytes(String(runs)), "always");
    transaction.put("n", bytes("mine"));
  });
  const ended = failure(call);
  await clock.advance(32 * 200);
  expect((await ended).code).toBe("CONFLICT");
  expect(runs).toBe(32);
});

test("an error of the work discards the transaction and comes through, conflicts of its own included", async () => {
  const { store, writes } = await open();
  const mine = new StoreError("CONFLICT", "my own");
  let runs = 0;
  const call = store.transaction(async (transaction) => {
    runs += 1;
    transaction.put("k", bytes("v"));
    throw mine;
  });
  await expect(call).rejects.toBe(mine);
  expect(runs).toBe(1);
  expect(writes()).toEqual([]);
});

test("increments by two stores sum exactly", async () => {
  const { store, other } = await open();
  const increment = (by: typeof store): Promise<void> =>
    by.transaction(async (transaction) => {
      transaction.put("n", bytes(String(Number(text(await transaction.get("n")) ?? 0) + 1)));
    });
  await Promise.all(Array.from({ length: 40 }, (_, at) => increment(at % 2 ? store : other)));
  expect(text((await store.get("n"))?.value)).toBe("40");
});

test("without commit a transaction is unsupported, and never half applied", async () => {
  const { commit: _commit, ...driver } = mapDriver();
  const { driver: noted, calls } = recorded({ ...driver, capabilities: { ...mapCapabilities, commit: "none" } });
  const store = await createStore(noted);
  calls.length = 0;
  expect((await failure(store.begin())).code).toBe("UNSUPPORTED");
  expect((await failure(store.transaction(async (t) => t.put("k", bytes("v"))))).code).toBe("UNSUPPORTED");
  expect((await failure(store.commit([], [{ type: "put", key: "k", value: bytes("v"), when: "always" }]))).code).toBe(
    "UNSUPPORTED",
  );
  expect(calls).toEqual([]);
});
