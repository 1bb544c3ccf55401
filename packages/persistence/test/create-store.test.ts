import { expect, test } from "vitest";

import type { StoreDriver } from "../src/driver.ts";
import { createStore, prefix, retry, StoreError, timeout, type Version } from "../src/index.ts";
import { manualClock, mapData, mapDriver } from "../src/testing/index.ts";
import { bytes, failure, fullDriver, recorded } from "./support.ts";

type Break = (driver: StoreDriver) => Partial<StoreDriver>;

const dishonest: readonly (readonly [string, Break, string])[] = [
  [
    "ignores that a key must be absent",
    (d) => ({ put: (key, value, when, o) => d.put(key, value, when === "absent" ? "always" : when, o) }),
    "a second create of the same key was accepted",
  ],
  [
    "refuses every create",
    () => ({ put: async () => ({ ok: false, current: undefined }) }),
    "a create of a new key was refused",
  ],
  [
    "ignores a version",
    (d) => ({
      put: async (key, value, when, o) => {
        const exists = (await d.get(key)) !== undefined;
        return d.put(key, value, typeof when === "object" && exists ? "always" : when, o);
      },
    }),
    "an update under a stale version was accepted",
  ],
  [
    "creates under a version",
    (d) => ({
      put: async (key, value, when, o) => {
        const exists = (await d.get(key)) !== undefined;
        return d.put(key, value, exists ? when : "always", o);
      },
    }),
    "an update of a missing key was accepted",
  ],
  [
    "refuses the current version",
    (d) => ({
      put: (key, value, when, o) =>
        typeof when === "object" ? Promise.resolve({ ok: false, current: undefined }) : d.put(key, value, when, o),
    }),
    "an update under the current version was refused",
  ],
  [
    "gives every state one version",
    (d) => ({
      put: async (key, value, when, o) => {
        const put = await d.put(key, value, typeof when === "object" ? "always" : when, o);
        return put.ok ? { ok: true, version: "1" as Version } : put;
      },
      get: async (key) => {
        const entry = await d.get(key);
        return entry && { ...entry, version: "1" as Version };
      },
    }),
    "an update left the version as it was",
  ],
  [
    "does not tell who won",
    (d) => ({
      put: async (...given) => {
        const put = await d.put(...given);
        return put.ok ? put : { ok: false, current: undefined };
      },
    }),
    "a conflict did not carry the entry that won",
  ],
  [
    "reads an old state",
    (d) => {
      const first = new Map<string, Awaited<ReturnType<StoreDriver["get"]>>>();
      return {
        put: async (key, value, when, o) => {
          const put = await d.put(key, value, when, o);
          if (!first.has(key)) first.set(key, await d.get(key));
          return put;
        },
        get: async (key) => first.get(key),
      };
    },
    "a read did not see the latest write",
  ],
  [
    "does not list",
    () => ({
      async *scan() {
        yield [];
      },
    }),
    "a listing did not show a written key",
  ],
  [
    "commits although a check fails",
    (d) => ({ commit: (_checks, ops, o) => d.commit!([], ops, o) }),
    "a commit with a failed check was applied",
  ],
  [
    "applies the part of a commit that holds",
    (d) => ({
      commit: async (checks, ops, o) => {
        const answer = await d.commit!(checks, ops, o);
        if (!answer.ok) for (const op of ops) if (op.type === "put") await d.put(op.key, op.value, op.when);
        return answer;
      },
    }),
    "a commit with a failed check was applied",
  ],
  [
    "refuses every commit",
    () => ({ commit: async () => ({ ok: false, conflicts: [] }) }),
    "a commit of two creates was refused",
  ],
  [
    "lets two commits write what the other checked",
    (d) => ({
      commit: async (checks, ops, o) => {
        for (const { key, when } of checks) {
          const version = (await d.get(key))?.version;
          const holds = when === "absent" ? version === undefined : version === when.version;
          if (!holds) return { ok: false, conflicts: [{ key, current: await d.get(key) }] };
        }
        // Both have read by now; neither looks again.
        await new Promise((resolve) => setImmediate(resolve));
        return d.commit!([], ops, o);
      },
    }),
    "two commits, each checking what the other wrote, were both applied",
  ],
];

test.each(dishonest)("a backend that %s is refused at open, closed and left clean", async (_what, breaking, named) => {
  const data = mapData();
  const honest = mapDriver({ data });
  let closed = 0;
  const driver = { ...honest, ...breaking(honest), close: async () => void (closed += 1) };
  const error = await failure(createStore(driver));
  expect(error).toMatchObject({ code: "UNSUPPORTED", provider: "map", operation: "open" });
  expect(error.message).toContain("failed the probe at open");
  expect(error.message).toContain(named);
  expect(closed).toBe(1);
  expect([...data.slots.keys()]).toEqual([]);
});

test("the probe leaves nothing behind on an honest backend either", async () => {
  const data = mapData();
  await createStore(mapDriver({ data }));
  expect(data.slots.size).toBe(0);
});

test("what the probe cleans up after a refusal does not hide the refusal", async () => {
  const honest = mapDriver();
  const driver: StoreDriver = {
    ...honest,
    async *scan() {
      yield [];
    },
    delete: async (_key, when) => {
      if (when === "always") throw new StoreError("DENIED", "no deletes here");
      return { ok: false, current: undefined };
    },
  };
  expect((await failure(createStore(driver))).message).toContain("a listing did not show a written key");
});

test("a full embedded store opens, a full server does not", async () => {
  const honest = mapDriver();
  const put: StoreDriver["put"] = async () => {
    throw new StoreError("FULL", "no room");
  };
  await createStore({ ...honest, put });
  const server = { ...honest, put, capabilities: { ...honest.capabilities, scope: "cluster" as const } };
  expect((await failure(createStore(server))).code).toBe("FULL");
});

test.each([0, 2, undefined])("contract %s is refused before the driver is touched", async (contract) => {
  const { driver, calls } = recorded({ ...mapDriver(), contract: contract as number });
  const error = await failure(createStore(driver));
  expect(error.code).toBe("UNSUPPORTED");
  expect(error.message).toContain("install versions of both packages that match");
  expect(calls).toEqual([]);
});

const optional = ["getMany", "write", "commit", "watch", "session", "nextFence"] as const;

test.each(optional)("%s declared and not there is refused", async (method) => {
  const full = fullDriver();
  await createStore({ ...full });
  const { [method]: _left, ...rest } = full;
  const error = await failure(createStore(rest));
  expect(error.code).toBe("UNSUPPORTED");
  expect(error.message).toContain(`declares ${method} but does not have it`);
});

test.each(optional)("%s there and not declared is refused", async (method) => {
  const full = fullDriver();
  const silent = {
    getMany: false,
    write: false,
    commit: "none",
    watch: "none",
    session: false,
    nextFence: false,
  } as const;
  const name = method === "nextFence" ? "fences" : method;
  const capabilities = { ...full.capabilities, [name]: silent[method] };
  const error = await failure(createStore({ ...full, capabilities }));
  expect(error.code).toBe("UNSUPPORTED");
  expect(error.message).toContain(`has ${method} but does not declare it`);
});

test.each([
  ["namespace", { namespace: "a\ud800" }],
  ["namespace", { namespace: 7 as unknown as string }],
  ["operationTimeoutMs", { operationTimeoutMs: -1 }],
  ["operationTimeoutMs", { operationTimeoutMs: Number.NaN }],
  ["healthCheckIntervalMs", { healthCheckIntervalMs: 0 }],
  ["layers", { layers: [timeout({ operationMs: 5 }), retry()] }],
])("a bad %s is refused before the driver is touched", async (name, options) => {
  const { driver, calls } = recorded(mapDriver());
  const error = await failure(createStore(driver, options));
  expect(error.code).toBe("INVALID_ARGUMENT");
  expect(error.message).toContain(name);
  expect(calls).toEqual([]);
});

test("an open that hangs ends with its deadline or signal, and the driver is closed", async () => {
  const clock = manualClock();
  for (const how of ["TIMEOUT", "ABORTED"] as const) {
    const { driver, calls } = recorded({ ...mapDriver(), open: () => new Promise(() => undefined) });
    const abort = new AbortController();
    const options = how === "TIMEOUT" ? { deadline: clock.now() + 100 } : { signal: abort.signal };
    const call = failure(createStore(driver, { clock, ...options }));
    abort.abort();
    await clock.advance(100);
    expect((await call).code).toBe(how);
    expect(calls.at(-1)?.operation).toBe("close");
  }
});

test("an error of the driver's open comes through; one that is no StoreError is named as a defect", async () => {
  const denied = new StoreError("DENIED", "wrong password");
  expect((await failure(createStore({ ...mapDriver(), open: () => Promise.reject(denied) }))).code).toBe("DENIED");
  const stray = new TypeError("oops");
  const error = await failure(createStore({ ...mapDriver(), open: () => Promise.reject(stray) }));
  expect(error).toMatchObject({ code: "INTERNAL", cause: stray });
});

test("when closing fails after a failed open, both are told", async () => {
  const driver: StoreDriver = {
    ...mapDriver(),
    open: () => Promise.reject(new StoreError("DENIED", "wrong password")),
    close: () => Promise.reject(new Error("stuck")),
  };
  const error = await failure(createStore(driver));
  expect(error.code).toBe("DENIED");
  expect(error.message).toContain("wrong password; closing the driver failed too");
  expect((error.cause as AggregateError).errors).toHaveLength(2);
});

test("the probe runs where a prefix puts the keys", async () => {
  const { driver, calls } = recorded(mapDriver());
  const store = await createStore(driver, { layers: [prefix({ prefix: "team." })] });
  await store.put("k", bytes("v"), "absent");
  const keys = calls
    .filter(({ operation }) => ["get", "put", "delete"].includes(operation))
    .map((call) => call.arguments[0]);
  expect(keys.length).toBeGreaterThan(5);
  expect(keys.every((key) => String(key).startsWith("team."))).toBe(true);
});
