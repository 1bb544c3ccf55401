import type { Store } from "@orbit/persistence";

import { equal, must } from "../assert.ts";
import type { Bench } from "../bench.ts";
import { type Law, storeLaw } from "../law.ts";
import { holds, won } from "../traits/outcomes.ts";
import { Stopwatch } from "../traits/time.ts";
import { LATE_MS } from "../traits/timed.ts";

type Prove = Law["prove"];

const ttlLaw = (name: string, prove: Prove): Law => storeLaw(name, prove, { needs: ["ttl"] });
const sessionLaw = (name: string, prove: Prove): Law => storeLaw(name, prove, { needs: ["session"] });

const LONG_MS = 3_600_000;

export const clocks: readonly Law[] = [
  ttlLaw("an entry with a ttl lives at least that long, rounded up, and then is gone for every call", async (bench) => {
    const store = await bench.store();
    const ttlMs = shortTtl(bench);
    await store.put("stays", bench.value("stays"), "always");
    const watch = new Stopwatch(bench.harness);
    const version = won(await store.put("a", bench.value("one"), "absent", { ttlMs }), "a create with a ttl");
    await gone(bench, watch, store, "a", ttlMs);
    equal(await keysOf(store), ["stays"], "an expired entry is not listed");
    equal(await keysOf(store, true), ["stays"], "an expired entry is not listed among keys alone");
    equal(
      (await store.getMany(["a", "stays"])).map((entry) => entry?.key),
      [undefined, "stays"],
      "nor read with others",
    );
    const update = await store.put("a", bench.value("two"), { version });
    equal(update, { ok: false, current: undefined }, "an update of an expired entry loses, with no winner");
    const removed = await store.delete("a", { version });
    equal(removed, { ok: false, current: undefined }, "a delete of an expired entry under its version loses");
    const again = won(await store.put("a", bench.value("three"), "absent"), "a create after an expiry");
    must(again !== version, "a version is never used again, also after an expiry", `another than ${version}`, again);
    await holds(bench, store, "a", "three", again, "after a create that follows an expiry");
  }),

  ttlLaw("an update sets the ttl anew: longer, shorter, or none", async (bench) => {
    const store = await bench.store();
    const ttlMs = shortTtl(bench);
    for (const key of ["longer", "none", "always"]) await store.put(key, bench.value("one"), "absent", { ttlMs });
    const long = won(
      await store.put("shorter", bench.value("one"), "absent", { ttlMs: LONG_MS }),
      "a create with a ttl",
    );
    const seen = await store.getMany(["longer", "none"]);
    const [longer, none] = seen.map((entry) => entry?.version);
    must(longer !== undefined && none !== undefined, "an entry with a ttl lives at first", "two entries", seen);
    won(await store.put("longer", bench.value("two"), { version: longer }, { ttlMs: LONG_MS }), "an update in time");
    won(await store.put("none", bench.value("two"), { version: none }), "an update in time");
    won(await store.put("always", bench.value("two"), "always"), "an unconditional write");
    const watch = new Stopwatch(bench.harness);
    won(
      await store.put("shorter", bench.value("two"), { version: long }, { ttlMs }),
      "an update under the current version",
    );
    await gone(bench, watch, store, "shorter", ttlMs);
    await watch.pass(bench.capabilities.limits.ttlGranularityMs);
    const left = await store.getMany(["longer", "none", "always"]);
    equal(
      left.map((entry) => bench.text(entry)),
      ["two", "two", "two"],
      "the last write alone decides when an entry ends",
    );
  }),

  ttlLaw("a refused write neither prolongs nor removes a ttl", async (bench) => {
    const store = await bench.store();
    const ttlMs = shortTtl(bench);
    const stale = won(await store.put("a", bench.value("one"), "absent"), "a create of an absent key");
    const watch = new Stopwatch(bench.harness);
    won(await store.put("a", bench.value("two"), { version: stale }, { ttlMs }), "an update with a ttl");
    await store.put("a", bench.value("lost"), { version: stale }, { ttlMs: LONG_MS });
    await store.put("a", bench.value("lost"), "absent");
    await store.delete("a", { version: stale });
    await gone(bench, watch, store, "a", ttlMs);
  }),

  ttlLaw("a ttl is set with bulk writes too", async (bench) => {
    const store = await bench.store();
    const ttlMs = shortTtl(bench);
    const watch = new Stopwatch(bench.harness);
    await store.write([
      { type: "put", key: "a", value: bench.value("one"), when: "absent", ttlMs },
      { type: "put", key: "b", value: bench.value("one"), when: "absent" },
    ]);
    await gone(bench, watch, store, "a", ttlMs);
    equal(bench.text(await store.get("b")), "one", "a write without a ttl beside one with a ttl stays");
  }),

  storeLaw(
    "a ttl is set with commits too",
    async (bench) => {
      const store = await bench.store();
      const ttlMs = shortTtl(bench);
      const watch = new Stopwatch(bench.harness);
      const answer = await store.commit(
        [],
        [
          { type: "put", key: "{t}a", value: bench.value("one"), when: "absent", ttlMs },
          { type: "put", key: "{t}b", value: bench.value("one"), when: "absent" },
        ],
      );
      must(answer.ok, "a commit with a ttl is applied", "ok", answer);
      await gone(bench, watch, store, "{t}a", ttlMs);
      equal(bench.text(await store.get("{t}b")), "one", "a write without a ttl beside one with a ttl stays");
    },
    { needs: ["ttl", "commit"] },
  ),

  storeLaw(
    "an entry's age starts at its write, follows the store's clock and is the same for all",
    async (bench) => {
      const [store, other] = [await bench.store(), await bench.store()];
      const { ttlGranularityMs, clockSkewMs } = bench.capabilities.limits;
      const exactMs = ttlGranularityMs + clockSkewMs;
      const watch = new Stopwatch(bench.harness);
      const real = performance.now();
      await store.put("a", bench.value("one"), "always");
      const age = async (from: Store): Promise<number> => {
        const ageMs = (await from.get("a"))?.ageMs;
        must(ageMs !== undefined, "under the clock rule server-age an entry has an age", "ageMs", ageMs);
        // A clock that is moved may run by itself too.
        const mostMs = watch.elapsed() + (watch.manual ? performance.now() - real : 0) + exactMs;
        must(
          ageMs >= 0 && ageMs <= mostMs,
          "an age is not more than the time since the write",
          `0 to ${mostMs} ms`,
          ageMs,
        );
        return ageMs;
      };
      await age(store);
      const grownMs = Math.max(50, 3 * exactMs);
      const grows = { law: "an age grows with the store's clock", withinMs: grownMs + LATE_MS };
      await watch.until(grows, async () => (await age(store)) >= grownMs - exactMs);
      const [here, there] = [await age(store), await age(other)];
      must(there >= here - exactMs, "every instance tells the same age", `at least ${here - exactMs} ms`, there);
      const [listed] = (await Array.fromAsync(store.scan({ prefix: "a" }))).flat();
      must(
        (listed?.ageMs ?? -1) >= here - exactMs,
        "a list tells the age that a read tells",
        `at least ${here} ms`,
        listed?.ageMs,
      );
      const anew = new Stopwatch(bench.harness);
      await store.put("a", bench.value("one"), "always");
      const renewed = (await store.get("a"))?.ageMs ?? Infinity;
      const mostMs = anew.elapsed() + exactMs;
      must(
        renewed <= mostMs || anew.manual,
        "a write starts the age anew, also of equal bytes",
        `at most ${mostMs} ms`,
        renewed,
      );
      must(renewed < here, "a write starts the age anew, also of equal bytes", `less than ${here} ms`, renewed);
    },
    { needs: ["ages"] },
  ),

  sessionLaw("what is tied to a session is there while it lives and gone when it is revoked", async (bench) => {
    const [store, other] = [await bench.store(), await bench.store()];
    const session = await store.session(60_000);
    for (const key of ["a", "b"])
      won(await store.put(key, bench.value("one"), "absent", { session }), "a create in a session");
    await store.put("c", bench.value("one"), "absent");
    await session.keepAlive();
    equal((await keysOf(other)).length, 3, "everyone sees what is tied to a session");
    await session.revoke();
    const revoked = { law: "a revoked session takes its keys along", withinMs: LATE_MS };
    await new Stopwatch(bench.harness).until(revoked, async () => {
      const keys = await keysOf(other);
      return keys.length === 1 && keys[0] === "c";
    });
  }),

  sessionLaw("a session that is not kept alive ends with its keys, and not before its time", async (bench) => {
    const store = await bench.store();
    const watch = new Stopwatch(bench.harness);
    const session = await store.session(shortTtl(bench));
    won(await store.put("a", bench.value("one"), "absent", { session }), "a create in a session");
    const wait = {
      law: "a session ends after its time",
      notBeforeMs: session.ttlMs,
      withinMs: 3 * session.ttlMs + LATE_MS,
    };
    await watch.until(wait, async () => (await store.get("a")) === undefined);
  }),
];

/** A time to live that is short for a test and not a multiple of the store's step. */
function shortTtl(bench: Bench): number {
  const step = bench.capabilities.limits.ttlGranularityMs;
  return step >= 100 ? step + Math.ceil(step / 2) : 150.5;
}

/** Waits until the key has expired; the watch was started before its write. */
async function gone(bench: Bench, watch: Stopwatch, store: Store, key: string, ttlMs: number): Promise<void> {
  const { ttlGranularityMs } = bench.capabilities.limits;
  const law = `an entry lives for its ttl of ${ttlMs} ms and not much longer`;
  const withinMs = ttlMs + ttlGranularityMs + (watch.manual ? ttlGranularityMs : LATE_MS);
  await watch.until({ law, notBeforeMs: ttlMs, withinMs }, async () => (await store.get(key)) === undefined);
}

async function keysOf(store: Store, keysOnly = false): Promise<string[]> {
  return (await Array.fromAsync(store.scan({ prefix: "", keysOnly }))).flat().map((entry) => entry.key);
}
