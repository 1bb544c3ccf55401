import { isDeepStrictEqual } from "node:util";

import { createStore, type Store, StoreError } from "@orbit/persistence";
import { CONTRACT } from "@orbit/persistence/driver";

import { equal, must, rejects } from "../assert.ts";
import { all, range } from "../bench.ts";
import { driverLaw, type Law, storeLaw } from "../law.ts";
import { callsOf } from "../traits/calls.ts";
import { watched } from "../traits/watched.ts";
import { honesty } from "./a-honesty.ts";
import { limits } from "./a-limits.ts";

const bytes = (text: string): Uint8Array => Buffer.from(text);

export const contract: readonly Law[] = [
  driverLaw("speaks the kit's contract version under a short name", async (bench) => {
    const { name, contract: version } = await bench.raw();
    equal(version, CONTRACT, "a driver names the contract version that it was written for");
    must(/^[a-z][a-z0-9-]*$/.test(name), "a driver has a short name", "lower-case letters, digits and dashes", name);
  }),

  driverLaw("opens and closes more than once without harm", async (bench) => {
    const driver = await bench.raw();
    await driver.open();
    await driver.open();
    const key = bench.key("a");
    await driver.put(key, bench.value("one"), "always");
    equal(bench.text(await driver.get(key)), "one", "a driver that was opened twice serves");
    await driver.close();
    await driver.close();
  }),

  driverLaw("closes without ever having been opened", async (bench) => {
    await (await bench.raw()).close();
  }),

  driverLaw("closing one instance leaves the others at work", async (bench) => {
    const [one, two] = [await bench.driver(), await bench.driver()];
    await one.put(bench.key("a"), bench.value("one"), "always");
    await one.close();
    equal(bench.text(await two.get(bench.key("a"))), "one", "another instance over the same backend still serves");
  }),

  storeLaw("a store closes twice, and at the end of its scope", async (bench) => {
    const store = await bench.store();
    await store.close();
    await store.close();
    let scoped: Store;
    {
      await using inner = await createStore(await bench.raw(), { namespace: bench.namespace, layers: bench.layers() });
      scoped = inner;
    }
    await rejects(() => scoped.get("a"), "CLOSED", "`await using` closes the store at the end of its scope");
  }),

  storeLaw("every call on a closed store is refused with CLOSED", async (bench) => {
    const store = await bench.store();
    await store.close();
    for (const [name, call] of callsOf(store)) {
      await rejects(() => call({}), "CLOSED", `${name} on a closed store is refused`);
    }
  }),

  storeLaw("a call whose signal is aborted rejects before any request", async (bench) => {
    const { store, calls } = await watched(bench);
    const signal = AbortSignal.abort();
    for (const [name, call] of callsOf(store)) {
      await rejects(() => call({ signal }), "ABORTED", `${name} with an aborted signal rejects`);
    }
    equal(calls, [], "an aborted call sends no request to the driver");
  }),

  storeLaw("a call whose deadline has passed rejects before any request", async (bench) => {
    const { store, calls } = await watched(bench);
    const deadline = performance.now() - 1;
    for (const [name, call] of callsOf(store)) {
      await rejects(() => call({ deadline }), "TIMEOUT", `${name} past its deadline rejects`);
    }
    equal(calls, [], "a call past its deadline sends no request to the driver");
  }),

  storeLaw("a write that is aborted under way is applied whole or not at all", async (bench) => {
    const store = await bench.store();
    const whole = Buffer.alloc(Math.min(8_192, store.capabilities.limits.maxValueBytes), 7);
    const keys = range(bench.rounds(20, 5)).map((index) => `k${index}`);
    const abort = new AbortController();
    const writes = keys.map((key) => store.put(key, whole, "absent", { signal: abort.signal }));
    abort.abort();
    const answers = await Promise.allSettled(writes);
    await all(keys, async (key, index) => {
      const answer = answers[index];
      const entry = await store.get(key);
      if (answer?.status === "fulfilled") {
        must(answer.value.ok && entry !== undefined, "an acknowledged write is there", "the entry", entry);
      } else {
        const error: unknown = answer?.reason;
        const aborted = StoreError.is(error) && error.code === "ABORTED";
        must(aborted, "an aborted write rejects with ABORTED", "ABORTED", error);
        const honest = error.outcome === "unknown" || entry === undefined;
        must(honest, "a write that reports the outcome none was not applied", "no entry", entry);
      }
      const sound = entry === undefined || isDeepStrictEqual(Buffer.from(entry.value), whole);
      must(sound, "an aborted write leaves no partial value", "all of its bytes or no entry", entry?.value);
    });
  }),

  storeLaw("three opens at once all succeed and see one another's writes", async (bench) => {
    const stores = await all(range(3), () => bench.store());
    await all(stores, (store, index) => store.put(`k${index}`, bytes(`v${index}`), "absent"));
    for (const store of stores) {
      const found = await store.getMany(["k0", "k1", "k2"]);
      equal(
        found.map((entry) => bench.text(entry)),
        ["v0", "v1", "v2"],
        "instances over one backend share its data",
      );
    }
  }),

  storeLaw("a driver of another contract version is refused", async (bench) => {
    const foreign = { ...(await bench.raw()), contract: CONTRACT + 98 };
    await rejects(() => createStore(foreign), "UNSUPPORTED", "createStore refuses a foreign contract version");
  }),

  ...honesty,
  ...limits,
];
