import { isDeepStrictEqual } from "node:util";

import { equal, must } from "../assert.ts";
import { all, range } from "../bench.ts";
import { driverLaw, type Law, storeLaw } from "../law.ts";
import { NEEDS } from "../traits/unsupported.ts";

const CHOICES = {
  consistency: ["linearizable", "leader-async"],
  durability: ["quorum", "disk", "async", "none"],
  scope: ["process", "host", "cluster"],
  clock: ["server-ttl", "server-age", "observer"],
  fencing: ["total", "until-failover"],
  commit: ["serializable", "snapshot", "none"],
  watch: ["resumable", "best-effort", "none"],
  conditionalDelete: [true, false],
  getMany: [true, false],
  write: [true, false],
  session: [true, false],
  fences: [true, false],
} as const;

/** The least key that holds a namespace and a hash. */
const LEAST_KEY_BYTES = 64;

/** What a driver declares is sound, and true in both directions. */
export const honesty: readonly Law[] = [
  driverLaw("declares its capabilities as plain data from the closed lists", async (bench) => {
    const { capabilities } = await bench.raw();
    const declared: Readonly<Record<string, unknown>> = { ...capabilities };
    for (const [name, choices] of Object.entries(CHOICES)) {
      const known: readonly unknown[] = choices;
      must(known.includes(declared[name]), `capabilities.${name}`, `one of ${choices.join(", ")}`, declared[name]);
    }
    const copy: unknown = JSON.parse(JSON.stringify(capabilities));
    must(isDeepStrictEqual(copy, { ...capabilities }), "capabilities are plain data", "equal after JSON", copy);
    const again = (await bench.raw()).capabilities;
    equal({ ...again }, { ...capabilities }, "every instance declares the same");
  }),

  driverLaw("declares limits that are numbers and fit together", async (bench) => {
    const { limits, commit, partitions } = (await bench.raw()).capabilities;
    for (const [name, value] of Object.entries(limits)) {
      must(Number.isSafeInteger(value) && value >= 0, `limits.${name}`, "a whole number from 0", value);
    }
    const { maxKeyBytes, maxValueBytes, maxCommitOps, ttlGranularityMs } = limits;
    must(maxKeyBytes >= LEAST_KEY_BYTES, "limits.maxKeyBytes", `at least ${LEAST_KEY_BYTES}`, maxKeyBytes);
    must(maxValueBytes >= 1_024, "limits.maxValueBytes", "at least 1024", maxValueBytes);
    must(ttlGranularityMs >= 1, "limits.ttlGranularityMs", "at least 1", ttlGranularityMs);
    const fits = commit === "none" ? maxCommitOps === 0 : maxCommitOps >= 2;
    must(fits, "limits.maxCommitOps", "at least 2 with commit, 0 without", maxCommitOps);
    const spread = Number.isSafeInteger(partitions) && partitions >= 1 && (partitions === 1 || commit !== "none");
    must(spread, "partitions", "a whole number from 1, and 1 without commit", partitions);
  }),

  driverLaw("does not promise more than its consistency and durability carry", async (bench) => {
    const { consistency, durability, fencing, scope } = (await bench.raw()).capabilities;
    const carries = fencing === "until-failover" || (consistency === "linearizable" && durability !== "async");
    must(
      carries,
      "fencing `total` needs `linearizable`, and a write that survives a failover",
      "until-failover",
      fencing,
    );
    const quorum = durability !== "quorum" || scope === "cluster";
    must(quorum, "durability `quorum` is a cluster's", "scope cluster", scope);
  }),

  driverLaw("has an optional method exactly where it declares it", async (bench) => {
    const driver = await bench.raw();
    const { capabilities } = driver;
    const methods = ["getMany", "write", "commit", "watch", "session"] as const;
    for (const method of methods) {
      equal(
        typeof driver[method] === "function",
        NEEDS[method].declared(capabilities),
        `the method ${method} is there as declared`,
      );
    }
    equal(typeof driver.nextFence === "function", capabilities.fences, "the method nextFence is there as declared");
  }),

  storeLaw(
    "commit works",
    async (bench) => {
      const store = await bench.store();
      const answer = await store.commit(
        [{ key: "{t}b", when: "absent" }],
        [{ type: "put", key: "{t}a", value: bench.value("one"), when: "absent" }],
      );
      must(answer.ok, "a commit whose conditions hold is applied", "ok", answer);
      equal(bench.text(await store.get("{t}a")), "one", "a commit is seen afterwards");
    },
    { needs: ["commit"] },
  ),

  driverLaw(
    "getMany works",
    async (bench) => {
      const driver = await bench.driver();
      await driver.put(bench.key("a"), bench.value("one"), "always");
      const found = await driver.getMany?.([bench.key("a"), bench.key("b")]);
      equal(
        found?.map((entry) => bench.text(entry)),
        ["one", undefined],
        "getMany answers in the order of the keys",
      );
    },
    { needs: ["getMany"] },
  ),

  driverLaw(
    "write works",
    async (bench) => {
      const driver = await bench.driver();
      const op = { type: "put", key: bench.key("a"), value: bench.value("one"), when: "absent" } as const;
      const answers = await driver.write?.([op]);
      must(answers?.length === 1 && "ok" in answers[0]!, "write answers each operation", "one answer", answers);
      equal(bench.text(await driver.get(bench.key("a"))), "one", "a bulk write is seen afterwards");
    },
    { needs: ["write"] },
  ),

  storeLaw(
    "watch starts with a resync and shows a later write",
    async (bench) => {
      const store = await bench.store();
      const stream = store.watch({ prefix: "" })[Symbol.asyncIterator]();
      try {
        const first: unknown = (await stream.next()).value;
        must(isResync(first), "a stream opened without a cursor starts with a resync", "a resync", first);
        await store.put("a", bench.value("one"), "always");
        const second: unknown = (await stream.next()).value;
        const shown = Array.isArray(second) && (second[0] as { entry?: { key?: string } }).entry?.key === "a";
        must(shown, "a write after the start is shown", "a put of a", second);
      } finally {
        await stream.return?.();
      }
    },
    { needs: ["watch"] },
  ),

  storeLaw(
    "a session is granted, kept alive and revoked",
    async (bench) => {
      const store = await bench.store();
      const session = await store.session(60_000);
      must(session.ttlMs >= 60_000, "a session lives at least as long as asked for", "60000 ms or more", session.ttlMs);
      await session.keepAlive();
      await session.revoke();
    },
    { needs: ["session"] },
  ),

  driverLaw(
    "fences rise above every other and above what was asked, also from two instances",
    async (bench) => {
      const drivers = [await bench.driver(), await bench.driver()];
      const next = (driver: (typeof drivers)[number] | undefined, above: bigint): Promise<bigint> =>
        driver?.nextFence?.(above) ?? Promise.resolve(-1n);
      const drawn = await all(range(bench.rounds(40)), (index) => next(drivers[index % 2], 0n));
      equal(new Set(drawn).size, drawn.length, "no fence is issued twice");
      const top = drawn.reduce((a, b) => (a > b ? a : b));
      const higher = await next(drivers[0], top);
      must(higher > top, "a later fence is above all earlier ones", `above ${top}`, higher);
      const asked = higher + 1_000n;
      const above = await next(drivers[1], asked);
      must(above > asked, "a fence is above what was asked", `above ${asked}`, above);
      const last = await next(drivers[0], 0n);
      must(last > above, "a raised fence holds for the other instance too", `above ${above}`, last);
    },
    { needs: ["fences"] },
  ),
];

function isResync(item: unknown): boolean {
  return typeof item === "object" && item !== null && "type" in item && item.type === "resync";
}
