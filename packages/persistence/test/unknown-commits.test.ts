import { expect, test } from "vitest";

import { createStore, type Store } from "../src/index.ts";
import { type ManualClock, manualClock, mapDriver } from "../src/testing/index.ts";
import { bytes, existing, failure, fullDriver, lossy, recorded, settle, unavailable } from "./support.ts";

async function commitWorld(
  lost: number,
  applied: boolean,
): Promise<{ clock: ManualClock; store: Store; sent: () => number }> {
  const clock = manualClock();
  const inner = mapDriver({ clock });
  const faulty = lossy(inner, "commit", lost, applied);
  let armed = false;
  let sent = 0;
  const store = await createStore(
    {
      ...inner,
      commit(...given) {
        if (!armed) return inner.commit!(...given);
        sent += 1;
        return faulty.commit!(...given);
      },
    },
    { clock, operationTimeoutMs: 1_000 },
  );
  armed = true;
  return { clock, store, sent: () => sent };
}

test("a commit whose answer was lost is known by one of its records", async () => {
  const { clock, store, sent } = await commitWorld(1, true);
  const version = await existing(store);
  const committed = await settle(
    clock,
    store.commit(
      [],
      [
        { type: "put", key: "k", value: bytes("mine"), when: { version } },
        { type: "put", key: "l", value: bytes("too"), when: "always" },
      ],
    ),
  );
  expect(committed.ok).toBe(true);
  expect(sent()).toBe(2);
  if (committed.ok) expect(committed.versions[0]).toBe((await store.get("k"))?.version);
});

test("a conflict that follows on an unknown commit is no proof", async () => {
  const { clock, store, sent } = await commitWorld(1, false);
  const version = await existing(store);
  await store.put("k", bytes("stranger"), "always");
  const op = { type: "put", key: "k", value: bytes("mine"), when: { version } } as const;
  expect((await failure(settle(clock, store.commit([], [op])))).outcome).toBe("unknown");
  expect(sent()).toBe(2);
});

test("a commit of creates is not sent again, but found by reading", async () => {
  const { clock, store, sent } = await commitWorld(1, true);
  const op = { type: "put", key: "k", value: bytes("mine"), when: "absent" } as const;
  expect((await settle(clock, store.commit([], [op]))).ok).toBe(true);
  expect(sent()).toBe(1);
});

test("a commit of creates that was lost stays unknown", async () => {
  const { clock, store, sent } = await commitWorld(1, false);
  const op = { type: "put", key: "k", value: bytes("mine"), when: "absent" } as const;
  expect((await failure(settle(clock, store.commit([], [op])))).outcome).toBe("unknown");
  expect(sent()).toBe(1);
});

test("a bulk write that hangs as a whole is settled a slot at a time", async () => {
  const clock = manualClock();
  const inner = fullDriver({ clock });
  let armed = false;
  const store = await createStore(
    {
      ...inner,
      async write(ops, options) {
        const answers = await inner.write!(ops, options);
        if (armed) throw unavailable("unknown");
        return answers;
      },
    },
    { clock, operationTimeoutMs: 1_000 },
  );
  const version = await existing(store);
  armed = true;
  const results = await settle(
    clock,
    store.write([
      { type: "put", key: "k", value: bytes("mine"), when: { version } },
      { type: "put", key: "new", value: bytes("mine"), when: "absent" },
      { type: "put", key: "any", value: bytes("mine"), when: "always" },
      { type: "put", key: "", value: bytes("bad"), when: "always" },
    ]),
  );
  expect(results[0]).toMatchObject({ ok: true });
  expect(results[1]).toMatchObject({ ok: true });
  expect(results[2]).toMatchObject({ code: "UNAVAILABLE", outcome: "unknown" });
  expect(results[3]).toMatchObject({ code: "INVALID_ARGUMENT" });
});

test("a bulk slot whose outcome is unknown is resolved; a slot that the driver left out is not sent again", async () => {
  const clock = manualClock();
  const inner = fullDriver({ clock });
  const { driver, calls } = recorded(inner);
  const store = await createStore(driver, { clock, operationTimeoutMs: 1_000 });
  const version = await existing(store);
  calls.length = 0;
  inner.write = async (ops) => {
    const [first] = ops;
    if (first?.type === "put") await inner.put(first.key, first.value, first.when);
    return [unavailable("unknown")];
  };
  const results = await settle(
    clock,
    store.write([
      { type: "put", key: "k", value: bytes("mine"), when: { version } },
      { type: "put", key: "left-out", value: bytes("mine"), when: "always" },
    ]),
  );
  expect(results[0]).toMatchObject({ ok: true });
  expect(results[1]).toMatchObject({ code: "INTERNAL", outcome: "unknown" });
  expect(calls.filter(({ operation }) => operation === "put")).toHaveLength(1);
});
