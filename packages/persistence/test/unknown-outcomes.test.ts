import { expect, test } from "vitest";

import type { StoreDriver } from "../src/driver.ts";
import { createStore, type Put, type Store, StoreError } from "../src/index.ts";
import { type ManualClock, manualClock, mapData, mapDriver } from "../src/testing/index.ts";
import { bytes, existing, failure, lossy, recorded, settle, text, unavailable } from "./support.ts";

type Write = (send: () => Promise<Put>, attempt: number) => Promise<Put>;

interface World {
  readonly clock: ManualClock;
  readonly store: Store;
  /** Another process on the same data, which meets no faults. */
  readonly other: Store;
  /** How often the key was sent a put by `store`. */
  readonly puts: () => number;
  /** How many writes the driver was sent under a version that is no backend's. */
  readonly superseded: () => number;
  /** What becomes of the puts of `store` from here on. */
  fault: Write | undefined;
}

async function world(make: typeof mapDriver = mapDriver): Promise<World> {
  const clock = manualClock();
  const data = mapData();
  const state: { fault: Write | undefined } = { fault: undefined };
  let attempt = 0;
  const inner = make({ data, clock });
  const faulty: StoreDriver = {
    ...inner,
    put(...given) {
      if (state.fault === undefined) return inner.put(...given);
      attempt += 1;
      return state.fault(() => inner.put(...given), attempt);
    },
  };
  const { driver, calls } = recorded(faulty);
  const store = await createStore(driver, { clock, operationTimeoutMs: 1_000 });
  const other = await createStore(mapDriver({ data, clock }), { clock });
  return {
    clock,
    store,
    other,
    puts: () => attempt,
    superseded: () => calls.filter((call) => JSON.stringify(call.arguments).includes('"superseded"')).length,
    get fault() {
      return state.fault;
    },
    set fault(fault) {
      state.fault = fault;
    },
  };
}

test("an update that was applied and whose answer was lost is reported as applied", async () => {
  const w = await world();
  const version = await existing(w.store);
  w.fault = async (send, attempt) => {
    const answer = await send();
    if (attempt === 1) throw unavailable("unknown");
    return answer;
  };
  const put = await settle(w.clock, w.store.put("k", bytes("mine"), { version }));
  expect(put.ok).toBe(true);
  expect(w.puts()).toBe(2);
  expect(text((await w.store.get("k"))?.value)).toBe("mine");
  if (put.ok) expect(put.version).toBe((await w.store.get("k"))?.version);
});

test("an update that was lost on its way is sent again", async () => {
  const w = await world();
  const version = await existing(w.store);
  w.fault = async (send, attempt) => {
    if (attempt < 3) throw unavailable("unknown");
    return send();
  };
  const put = await settle(w.clock, w.store.put("k", bytes("mine"), { version }));
  expect(put.ok).toBe(true);
  expect(w.puts()).toBe(3);
  expect(text((await w.store.get("k"))?.value)).toBe("mine");
});

test("an update that was applied and then replaced by one that names it is applied, and superseded", async () => {
  const w = await world();
  const version = await existing(w.store);
  w.fault = async (send, attempt) => {
    if (attempt > 1) return send();
    await send();
    const seen = await w.other.get("k");
    if (seen !== undefined) await w.other.put("k", bytes("successor"), { version: seen.version });
    throw unavailable("unknown");
  };
  const put = await settle(w.clock, w.store.put("k", bytes("mine"), { version }));
  expect(put.ok).toBe(true);
  w.fault = undefined;
  // Its version is a thing of the past: nothing can be written, deleted or committed under it.
  if (!put.ok) return;
  const conflict = await w.store.put("k", bytes("again"), { version: put.version });
  expect(conflict.ok ? undefined : text(conflict.current?.value)).toBe("successor");
  expect((await w.store.delete("k", { version: put.version })).ok).toBe(false);
  const committed = await w.store.commit([{ key: "k", when: { version: put.version } }], []);
  expect(committed.ok).toBe(false);
  const [written] = await w.store.write([{ type: "delete", key: "k", when: { version: put.version } }]);
  expect(written).toMatchObject({ ok: false });
  expect(w.superseded()).toBe(0);
  expect(text((await w.store.get("k"))?.value)).toBe("successor");
});

test("an update that was replaced by one that does not name it stays unknown", async () => {
  const w = await world();
  const version = await existing(w.store);
  w.fault = async (send, attempt) => {
    if (attempt > 1) return send();
    await send();
    await w.other.put("k", bytes("stranger"), "always");
    throw unavailable("unknown");
  };
  const error = await failure(settle(w.clock, w.store.put("k", bytes("mine"), { version })));
  expect(error).toMatchObject({ code: "UNAVAILABLE", outcome: "unknown", retryable: false });
  expect(w.puts()).toBe(2);
  expect(text((await w.store.get("k"))?.value)).toBe("stranger");
});

test("a conflict that follows on an unknown outcome is no proof, even if the write is still under way", async () => {
  const w = await world();
  const version = await existing(w.store);
  await w.other.put("k", bytes("stranger"), "always");
  w.fault = async (send, attempt) => {
    if (attempt === 1) throw unavailable("unknown");
    return send();
  };
  const error = await failure(settle(w.clock, w.store.put("k", bytes("mine"), { version })));
  expect(error.outcome).toBe("unknown");
});

test.each(["UNAVAILABLE", "DENIED", "FULL"] as const)(
  "once unknown, a later %s does not make it certain",
  async (code) => {
    const w = await world();
    const version = await existing(w.store);
    w.fault = async (send, attempt) => {
      if (attempt > 1) throw new StoreError(code, "certainly not applied");
      await send();
      throw unavailable("unknown");
    };
    const error = await failure(settle(w.clock, w.store.put("k", bytes("mine"), { version })));
    expect(error.outcome).toBe("unknown");
    if (code === "UNAVAILABLE") expect(w.puts()).toBeGreaterThan(2);
    else expect(w.puts()).toBe(2);
  },
);

test("an update that hangs is unknown at the deadline, which nothing outlasts", async () => {
  const w = await world();
  const version = await existing(w.store);
  w.fault = () => new Promise(() => undefined);
  const start = w.clock.now();
  const error = await failure(settle(w.clock, w.store.put("k", bytes("mine"), { version })));
  expect(error).toMatchObject({ code: "TIMEOUT", outcome: "unknown" });
  expect(w.clock.now() - start).toBeLessThanOrEqual(1_020);
});

test("an aborted update is unknown and not sent again", async () => {
  const w = await world();
  const version = await existing(w.store);
  const abort = new AbortController();
  w.fault = () => new Promise(() => undefined);
  const call = w.store.put("k", bytes("mine"), { version }, { signal: abort.signal });
  abort.abort();
  expect(await failure(settle(w.clock, call))).toMatchObject({ code: "ABORTED", outcome: "unknown" });
  expect(w.puts()).toBe(1);
});

test("an abort between two sendings leaves the write unknown", async () => {
  const w = await world();
  const version = await existing(w.store);
  const abort = new AbortController();
  w.fault = async () => {
    setImmediate(() => abort.abort());
    throw unavailable("unknown");
  };
  const call = w.store.put("k", bytes("mine"), { version }, { signal: abort.signal });
  expect(await failure(settle(w.clock, call))).toMatchObject({ code: "ABORTED", outcome: "unknown" });
  expect(w.puts()).toBe(1);
});

test("an unconditional write is never sent again", async () => {
  const w = await world();
  w.fault = async (send) => {
    await send();
    throw unavailable("unknown");
  };
  const error = await failure(settle(w.clock, w.store.put("k", bytes("mine"), "always")));
  expect(error.outcome).toBe("unknown");
  expect(w.puts()).toBe(1);
});

test("a create of a key that can be deleted is never sent again, but found by reading", async () => {
  const w = await world();
  w.fault = async (send) => {
    await send();
    throw unavailable("unknown");
  };
  const put = await settle(w.clock, w.store.put("k", bytes("mine"), "absent"));
  expect(put.ok).toBe(true);
  expect(w.puts()).toBe(1);
});

test("a create that reading does not show stays unknown: it may still land", async () => {
  const w = await world();
  w.fault = async () => {
    throw unavailable("unknown");
  };
  const error = await failure(settle(w.clock, w.store.put("k", bytes("mine"), "absent")));
  expect(error.outcome).toBe("unknown");
  expect(w.puts()).toBe(1);
});

test("a write that certainly failed is reported as it was, and not sent again here", async () => {
  const w = await world();
  const version = await existing(w.store);
  w.fault = async () => {
    throw unavailable("none");
  };
  const error = await failure(w.store.put("k", bytes("mine"), { version }));
  expect(error).toMatchObject({ code: "UNAVAILABLE", outcome: "none", retryable: true });
  expect(w.puts()).toBe(1);
});

test("a delete whose answer was lost stays unknown; one that was lost itself is sent again", async () => {
  const clock = manualClock();
  for (const applied of [true, false]) {
    const inner = mapDriver({ clock });
    let armed = false;
    const plain: StoreDriver = { ...inner };
    const faulty = lossy(inner, "delete", 1, applied);
    plain.delete = (...given) => (armed ? faulty.delete(...given) : inner.delete(...given));
    const { driver, calls } = recorded(plain);
    const store = await createStore(driver, { clock, operationTimeoutMs: 1_000 });
    const version = await existing(store);
    armed = true;
    calls.length = 0;
    const call = settle(clock, store.delete("k", { version }));
    if (applied) expect((await failure(call)).outcome).toBe("unknown");
    else expect(await call).toEqual({ ok: true });
    expect(calls.filter(({ operation }) => operation === "delete")).toHaveLength(2);
    expect(await store.get("k")).toBeUndefined();
  }
});

test("an unconditional delete is never sent again", async () => {
  const clock = manualClock();
  const inner = mapDriver({ clock });
  const { driver, calls } = recorded(inner);
  const store = await createStore(driver, { clock, operationTimeoutMs: 1_000 });
  calls.length = 0;
  driver.delete = async () => {
    throw unavailable("unknown");
  };
  expect((await failure(settle(clock, store.delete("k", "always")))).outcome).toBe("unknown");
  expect(calls.filter(({ operation }) => operation === "delete")).toHaveLength(1);
});
