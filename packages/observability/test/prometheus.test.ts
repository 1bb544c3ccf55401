import { channel } from "node:diagnostics_channel";

import { createStore, StoreError } from "@orbit/persistence";
import { mapDriver } from "@orbit/persistence/testing";
import { describe, expect, test } from "vitest";

import { prometheus } from "../src/index.ts";
import { parseExposition, type Sample } from "./exposition.ts";

const value = (samples: readonly Sample[], name: string, labels: Readonly<Record<string, string>> = {}) =>
  samples.find((sample) => {
    return sample.name === name && Object.entries(labels).every(([key, text]) => sample.labels[key] === text);
  })?.value;

describe("stores", () => {
  test("calls are counted and timed by operation and by how they ended", async () => {
    using metrics = prometheus();
    await using store = await createStore(mapDriver());
    const before = parseExposition(await metrics.render());
    await store.put("a", new Uint8Array(1), "absent");
    await store.put("a", new Uint8Array(1), "absent");
    await store.get("a");
    const after = parseExposition(await metrics.render());
    const grown = (operation: string, outcome: string): number => {
      const of = (samples: readonly Sample[]): number =>
        value(samples, "orbit_store_operation_duration_seconds_count", { provider: "map", operation, outcome }) ?? 0;
      return of(after) - of(before);
    };
    expect([grown("put", "ok"), grown("put", "conflict"), grown("get", "ok")]).toEqual([1, 1, 1]);
    expect(value(after, "orbit_store_operations_in_flight", { operation: "put" })).toBe(0);
  });

  test.each([
    ["later", async () => Promise.reject(new StoreError("UNAVAILABLE", "gone"))],
    [
      "at once",
      () => {
        throw new StoreError("UNAVAILABLE", "gone");
      },
    ],
  ])("an error that is thrown %s is counted once, by its code, and is no longer in flight", async (_, health) => {
    using metrics = prometheus();
    await using store = await createStore({ ...mapDriver(), name: "failing", health });
    await expect(store.health()).rejects.toThrow("UNAVAILABLE");
    const samples = parseExposition(await metrics.render());
    const labels = { provider: "failing", operation: "health" };
    expect(value(samples, "orbit_store_errors_total", { ...labels, code: "UNAVAILABLE" })).toBe(1);
    expect(value(samples, "orbit_store_operation_duration_seconds_count", { ...labels, outcome: "error" })).toBe(1);
    expect(value(samples, "orbit_store_operations_in_flight", labels)).toBe(0);
  });

  test("a call under way is in flight", async () => {
    using metrics = prometheus();
    const gate = Promise.withResolvers<void>();
    const health = async () => {
      await gate.promise;
      return { status: "healthy", latencyMs: 0 } as const;
    };
    await using store = await createStore({ ...mapDriver(), health });
    const checked = store.health();
    const during = parseExposition(await metrics.render());
    expect(value(during, "orbit_store_operations_in_flight", { operation: "health" })).toBe(1);
    gate.resolve();
    await checked;
  });

  test("the nine standard figures stand under the store's name", async () => {
    await using store = await createStore(mapDriver());
    using metrics = prometheus({ stores: () => new Map([["near", store]]) });
    await store.put("a", new Uint8Array(1), "always");
    const samples = parseExposition(await metrics.render());
    const expected = store.metrics();
    for (const [name, figure] of Object.entries(expected)) {
      expect(value(samples, `orbit_persistence_${name}`, { store: "near", provider: "map" })).toBe(figure);
    }
    expect(Object.keys(expected)).toHaveLength(9);
    expect(expected.write_operations).toBeGreaterThan(0);
    // Read twice, told once: the store counts, not the scrape.
    const again = parseExposition(await metrics.render());
    expect(value(again, "orbit_persistence_write_operations")).toBe(expected.write_operations);
  });

  test("hostile names are escaped, and keys are never a label", async () => {
    const name = 'quo"te\\back\nline';
    await using store = await createStore(mapDriver());
    using metrics = prometheus({ stores: () => new Map([[name, store]]) });
    await store.put("the-secret-key", new Uint8Array(1), "always");
    const text = await metrics.render();
    expect(parseExposition(text).some(({ labels }) => labels["store"] === name)).toBe(true);
    expect(text).not.toContain("the-secret-key");
  });

  test("providers beyond a bound share one label", async () => {
    using metrics = prometheus();
    for (let at = 0; at < 50; at += 1) {
      await using store = await createStore({ ...mapDriver(), name: `provider-${at}` });
      await store.health();
    }
    const samples = parseExposition(await metrics.render());
    const providers = new Set(samples.map(({ labels }) => labels["provider"]).filter((each) => each !== undefined));
    expect(providers.size).toBe(33);
    expect(providers).toContain("other");
  });
});

describe("the cluster", () => {
  const reference = { type: "Robot", key: { kind: "string", value: "the-secret-key" } };
  const node = { namespace: "default", key: "n1" };

  test.each(["acquired", "takeover", "renewed", "released", "lost", "conflict"])("lease event: %s", async (type) => {
    using metrics = prometheus();
    channel("orbit.lease").publish({ type, provider: "btree", namespace: "default", reference, node, fence: 1n });
    const text = await metrics.render();
    expect(value(parseExposition(text), `orbit_lease_${type}_total`, { provider: "btree" })).toBe(1);
    expect(text).not.toContain("the-secret-key");
  });

  test.each(["joined", "renewed", "left", "lost", "expired"])("node event: %s", async (type) => {
    using metrics = prometheus();
    channel("orbit.membership").publish({ type, provider: "btree", node });
    const samples = parseExposition(await metrics.render());
    expect(value(samples, `orbit_node_${type}_total`, { provider: "btree" })).toBe(1);
  });

  test("the state of a store is one of three", async () => {
    using metrics = prometheus();
    const health = channel("orbit.health");
    health.publish({ provider: "btree", health: { status: "degraded", latencyMs: 1 } });
    health.publish({ provider: "btree", health: { status: "healthy", latencyMs: 1 } });
    const samples = parseExposition(await metrics.render());
    const states = ["healthy", "degraded", "unhealthy"].map((status) =>
      value(samples, "orbit_health_status", { provider: "btree", status }),
    );
    expect(states).toEqual([1, 0, 0]);
  });

  test("stalls, calls and nodes", async () => {
    using metrics = prometheus({ nodes: async () => ({ active: 3, stopped: 1 }) });
    channel("orbit.stall").publish({ node, lateMs: 1500, ttlMs: 10_000 });
    channel("orbit.rpc").publish({ service: "s", method: "Join", code: "ok", durationMs: 3 });
    const samples = parseExposition(await metrics.render());
    expect(value(samples, "orbit_stall_seconds_total")).toBe(1.5);
    expect(value(samples, "orbit_rpc_duration_seconds_count", { method: "Join", code: "ok" })).toBe(1);
    expect(value(samples, "orbit_nodes", { status: "active" })).toBe(3);
  });

  test("a store that does not answer leaves out the nodes alone", async () => {
    using metrics = prometheus({ nodes: () => Promise.reject(new Error("down")) });
    const samples = parseExposition(await metrics.render());
    expect(value(samples, "orbit_nodes")).toBeUndefined();
    expect(value(samples, "orbit_stalls_total")).toBe(0);
  });
});

test("process metrics are valid text and shared between two collectors", async () => {
  using first = prometheus({ process: true });
  using second = prometheus({ process: true });
  expect(value(parseExposition(await first.render()), "process_cpu_seconds_total")).toBeGreaterThan(0);
  expect(value(parseExposition(await second.render()), "nodejs_eventloop_lag_seconds")).toBeDefined();
});

test("a disposed collector listens no more", () => {
  const subscribed = (): boolean =>
    ["orbit.lease", "orbit.rpc", "tracing:orbit.store:start"].some((name) => channel(name).hasSubscribers);
  {
    using _ = prometheus();
    expect(subscribed()).toBe(true);
  }
  expect(subscribed()).toBe(false);
});
