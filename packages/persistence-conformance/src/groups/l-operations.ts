import { inspect } from "node:util";

import { type PersistenceMetrics, type Store, StoreError } from "@orbit/persistence";

import { equal, must } from "../assert.ts";
import type { Bench } from "../bench.ts";
import { driverLaw, type Law, storeLaw } from "../law.ts";
import { watched } from "../traits/watched.ts";

const METRICS: readonly (keyof PersistenceMetrics)[] = [
  "cache_hits",
  "cache_misses",
  "delete_latency_avg",
  "delete_operations",
  "error_count",
  "read_latency_avg",
  "read_operations",
  "write_latency_avg",
  "write_operations",
];

/** Stands in values, so that it must be found nowhere else. */
const MARK = "conformance-secret-value";

export const operations: readonly Law[] = [
  driverLaw(
    "health tells a status, a latency that was measured, and a cause where it is not healthy",
    async (bench) => {
      const driver = await bench.driver();
      const start = performance.now();
      const health = await driver.health();
      const tookMs = performance.now() - start;
      const { status, cause, latencyMs, details } = health;
      must(["healthy", "degraded", "unhealthy"].includes(status), "health has a status", "one of three", status);
      must(status !== "unhealthy", "a backend that serves is not unhealthy", "healthy or degraded", health);
      must(status === "healthy" || (cause ?? "") !== "", "what is not healthy has a cause", "a cause", health);
      const measured = Number.isFinite(latencyMs) && latencyMs >= 0 && latencyMs <= tookMs + 1;
      must(measured, "health tells how long the check took", `0 to ${tookMs} ms`, latencyMs);
      for (const [name, value] of Object.entries(details ?? {})) {
        const plain = ["string", "number", "boolean"].includes(typeof value);
        must(plain, `the detail ${name} of health is plain`, "a text, a number or a boolean", value);
      }
    },
  ),

  storeLaw("metrics are the nine standard ones, and count what was done", async (bench) => {
    const store = await bench.store();
    const before = store.metrics();
    equal(Object.keys(before).sort(), [...METRICS], "metrics have the nine standard names");
    await store.put("a", bench.value("one"), "absent");
    await store.get("a");
    await store.get("b");
    await store.delete("a", "always");
    const after = store.metrics();
    for (const [name, value] of Object.entries(after)) {
      must(Number.isFinite(value) && value >= 0, `the metric ${name}`, "a number from 0", value);
    }
    must(after.read_operations > before.read_operations, "reads are counted", "more than before", after);
    must(after.write_operations > before.write_operations, "writes are counted", "more than before", after);
    // Where a delete writes a tombstone it counts as a write.
    const removed = after.delete_operations + after.write_operations;
    must(removed >= before.delete_operations + before.write_operations + 2, "deletes are counted", "one more", after);
    equal(after.error_count, before.error_count, "what succeeded is no error");
  }),

  storeLaw("a call of the store costs one request, and a refused one none", async (bench) => {
    const { store, calls } = await watched(bench);
    const cost = async (call: () => Promise<unknown>): Promise<number> => {
      const before = calls.length;
      await call();
      return calls.length - before;
    };
    equal(await cost(() => store.put("a", bench.value("one"), "absent")), 1, "a create is one request");
    equal(await cost(() => store.get("a")), 1, "a read is one request");
    equal(await cost(() => store.put("a", bench.value("two"), "absent")), 1, "a lost create is one request");
    equal(await cost(() => store.put("a", bench.value("two"), "always")), 1, "an unconditional write is one request");
  }),

  storeLaw("no error shows bytes of a value or a secret of the options", async (bench) => {
    const store = await bench.store();
    const value = Buffer.from(MARK.repeat(4));
    await store.put("a", value, "absent");
    const bad = store.capabilities.limits.maxValueBytes;
    const huge = Buffer.alloc(Math.min(bad, 32 << 20) + 256, MARK);
    const errors = await gather([
      () => store.put("", value, "always"),
      () => store.put("a", MARK as never, "always"),
      () => store.put("a", value, { version: MARK as never }),
      () => (bad > 32 << 20 ? Promise.resolve() : store.put("a", huge, "always")),
      () => store.put("a", value, "always", { signal: AbortSignal.abort() }),
      () => store.put("a", value, "always", { deadline: performance.now() - 1 }),
      () => closed(bench).then((gone) => gone.put("a", value, "always")),
    ]);
    for (const error of errors) {
      must(StoreError.is(error), "every error of a store is a StoreError", "a StoreError", error);
      must(
        error.message.startsWith(`[${error.code}]`),
        "the message of an error starts with its code",
        error.code,
        error.message,
      );
      hides(bench, error, "an error");
    }
  }),

  driverLaw("neither driver nor store shows a secret when it is inspected", async (bench) => {
    hides(bench, await bench.raw(), "the driver");
    hides(bench, await bench.store(), "the store");
  }),
];

async function gather(calls: readonly (() => Promise<unknown>)[]): Promise<unknown[]> {
  const settled = await Promise.allSettled(calls.map((call) => call()));
  return settled.flatMap((answer): unknown[] => (answer.status === "rejected" ? [answer.reason] : []));
}

async function closed(bench: Bench): Promise<Store> {
  const store = await bench.store();
  await store.close();
  return store;
}

function hides(bench: Bench, thing: unknown, what: string): void {
  const shown = inspect(thing, { depth: 8, showHidden: true, getters: false, maxStringLength: null });
  const text = `${shown}\n${JSON.stringify(thing, plain) ?? ""}`;
  for (const secret of [MARK, ...(bench.harness.secrets ?? [])]) {
    must(!text.includes(secret), `${what} shows no secret and no value`, "none", `one of ${secret.length} characters`);
  }
}

/** Keeps JSON from stumbling over what is no data. */
function plain(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? String(value) : value;
}
