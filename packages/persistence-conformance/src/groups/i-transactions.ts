import { type Entry, type Store, StoreError, type Transaction, type Version, type WriteOp } from "@orbit/persistence";

import { equal, must, rejects } from "../assert.ts";
import { all, type Bench, range, turn } from "../bench.ts";
import { type Law, storeLaw } from "../law.ts";
import { attempts } from "../traits/attempts.ts";
import { won } from "../traits/outcomes.ts";
import { partitions } from "./i-partitions.ts";

type Prove = Law["prove"];

/** Every law here needs `commit`; without it the refusal of all three forms is proved. */
const commitLaw = (name: string, prove: Prove): Law => storeLaw(name, prove, { needs: ["commit"] });

export const transactions: readonly Law[] = [
  commitLaw("a commit of creates, updates and deletes applies all of them under new versions", async (bench) => {
    const store = await bench.store();
    const old = won(await store.put("{t}update", bench.value("old"), "absent"), "a create of an absent key");
    const gone = won(await store.put("{t}delete", bench.value("old"), "absent"), "a create of an absent key");
    const answer = await store.commit(
      [{ key: "{t}free", when: "absent" }],
      [
        put(bench, "{t}create", "new", "absent"),
        put(bench, "{t}update", "new", { version: old }),
        { type: "delete", key: "{t}delete", when: { version: gone } },
        put(bench, "{t}any", "new", "always"),
      ],
    );
    must(answer.ok, "a commit whose conditions hold is applied", "ok", answer);
    equal(answer.versions.length, 4, "a commit returns one version an operation");
    const found = await readAll(store, ["{t}create", "{t}update", "{t}delete", "{t}any", "{t}free"]);
    equal(
      found.map((entry) => bench.text(entry)),
      ["new", "new", undefined, "new", undefined],
      "all of it is applied",
    );
    equal(
      found.map((entry) => entry?.version),
      [...answer.versions, undefined],
      "its versions are those that reads show",
    );
    const next = await store.put("{t}create", bench.value("next"), { version: answer.versions[0] ?? old });
    must(next.ok, "an update under a version that a commit returned wins", "ok", next);
  }),

  commitLaw("one condition that does not hold stops the whole commit and is reported", async (bench) => {
    const store = await bench.store();
    const stale = won(await store.put("{t}taken", bench.value("one"), "absent"), "a create of an absent key");
    const present = won(
      await store.put("{t}taken", bench.value("two"), { version: stale }),
      "an update under the current version",
    );
    const bad: readonly [string, Parameters<Store["commit"]>[0], WriteOp[]][] = [
      ["a check for absence", [{ key: "{t}taken", when: "absent" }], []],
      ["a check of a stale version", [{ key: "{t}taken", when: { version: stale } }], []],
      ["a check of a missing key", [{ key: "{t}missing", when: { version: stale } }], []],
      ["a create", [], [put(bench, "{t}taken", "lost", "absent")]],
      ["an update", [], [put(bench, "{t}taken", "lost", { version: stale })]],
      ["a delete", [], [{ type: "delete", key: "{t}taken", when: { version: stale } }]],
    ];
    for (const [what, checks, ops] of bad) {
      const answer = await store.commit(checks, [
        put(bench, "{t}x", "x", "absent"),
        ...ops,
        put(bench, "{t}y", "y", "always"),
      ]);
      must(!answer.ok, `a commit with ${what} that does not hold is refused`, "conflicts", answer);
      const key = checks[0]?.key ?? "{t}taken";
      const conflict = answer.conflicts.find((each) => each.key === key);
      must(conflict !== undefined, `the conflict of ${what} is reported`, `a conflict of ${key}`, answer.conflicts);
      const version = key === "{t}taken" ? present : undefined;
      equal(conflict.current?.version, version, `the conflict of ${what} carries the entry that won`);
      const found = await readAll(store, ["{t}x", "{t}y", "{t}taken"]);
      equal(
        found.map((entry) => bench.text(entry)),
        [undefined, undefined, "two"],
        `after ${what} failed, nothing is applied`,
      );
      equal(found[2]?.version, present, `after ${what} failed, no version has changed`);
    }
  }),

  commitLaw("a commit of checks alone answers whether they hold", async (bench) => {
    const store = await bench.store();
    const version = won(await store.put("{t}a", bench.value("one"), "absent"), "a create of an absent key");
    const holds = await store.commit(
      [
        { key: "{t}a", when: { version } },
        { key: "{t}b", when: "absent" },
      ],
      [],
    );
    must(holds.ok, "checks that hold are confirmed", "ok", holds);
    const fails = await store.commit(
      [
        { key: "{t}a", when: "absent" },
        { key: "{t}b", when: "absent" },
      ],
      [],
    );
    must(!fails.ok, "checks that do not hold are refused", "conflicts", fails);
    equal(
      fails.conflicts.map(({ key }) => key),
      ["{t}a"],
      "only the check that failed is reported",
    );
  }),

  commitLaw("a key that stands twice in a commit is refused, and nothing is applied", async (bench) => {
    const store = await bench.store();
    const twice = (): Promise<unknown> =>
      store.commit(
        [{ key: "{t}a", when: "absent" }],
        [put(bench, "{t}a", "x", "absent"), put(bench, "{t}b", "x", "always")],
      );
    await rejects(twice, "INVALID_ARGUMENT", "each key stands once in a commit");
    equal(await store.get("{t}b"), undefined, "a refused commit applies nothing");
  }),

  commitLaw("two commits that each check what the other writes never both win", async (bench) => {
    const [one, two] = [await bench.store(), await bench.store()];
    let applied = 0;
    const rounds = bench.rounds(20, 5);
    for (let round = 0; round < rounds; round += 1) {
      const [a, b] = [`{t}a${round}`, `{t}b${round}`];
      const versionA = won(await one.put(a, bench.value("on call"), "absent"), "a create of an absent key");
      const versionB = won(await two.put(b, bench.value("on call"), "absent"), "a create of an absent key");
      const leave = async (store: Store, own: string, other: string, version: typeof versionA): Promise<boolean> => {
        if (bench.random.number() < 0.5) await turn();
        return (await store.commit([{ key: other, when: { version } }], [put(bench, own, "off", "always")])).ok;
      };
      const won1 = await Promise.all([leave(one, a, b, versionB), leave(two, b, a, versionA)]);
      const winners = won1.filter(Boolean).length;
      must(winners < 2, "no write skew: a check holds at the commit point", "at most one winner", winners);
      applied += winners;
    }
    must(applied > 0, "commits that race do not always both lose", "at least one winner", applied);
  }),

  commitLaw("of 10 commits at once over the same keys exactly one wins, whole", async (bench) => {
    const stores = [await bench.store(), await bench.store()];
    const answers = await all(range(10), async (index) =>
      stores[index % 2]?.commit(
        [],
        ["{t}a", "{t}b", "{t}c"].map((key) => put(bench, key, `w${index}`, "absent")),
      ),
    );
    const winners = range(10).filter((index) => answers[index]?.ok === true);
    equal(winners.length, 1, "exactly one commit wins");
    const found = await readAll(stores[0], ["{t}a", "{t}b", "{t}c"]);
    const text = `w${winners[0]}`;
    equal(
      found.map((entry) => bench.text(entry)),
      [text, text, text],
      "all keys are the winner's",
    );
  }),

  commitLaw("commits and single writes keep out of each other's way", async (bench) => {
    const [one, two] = [await bench.store(), await bench.store()];
    await one.put("{t}total", bench.value("0"), "absent");
    const count = bench.rounds(20, 4);
    const law = "a write loses only when another one wins";
    const byCommit = async (): Promise<void> => {
      const attempt = attempts(2 * count, law);
      for (let done = 0; done < count;) {
        attempt();
        const entry = await one.get("{t}total");
        if (entry === undefined) throw new Error("the total is never deleted");
        const next = put(bench, "{t}total", `${Number(bench.text(entry)) + 1}`, { version: entry.version });
        if ((await one.commit([], [next, put(bench, `{t}log${done}`, "x", "always")])).ok) done += 1;
      }
    };
    const byPut = async (): Promise<void> => {
      const attempt = attempts(2 * count, law);
      for (let done = 0; done < count;) {
        attempt();
        const entry = await two.get("{t}total");
        if (entry === undefined) throw new Error("the total is never deleted");
        const next = bench.value(`${Number(bench.text(entry)) + 1}`);
        if ((await two.put("{t}total", next, { version: entry.version })).ok) done += 1;
      }
    };
    await Promise.all([byCommit(), byPut()]);
    equal(bench.text(await one.get("{t}total")), `${2 * count}`, "no increment is lost");
  }),

  commitLaw("a commit is seen whole: who has seen one of its writes sees the others", async (bench) => {
    const [writer, reader] = [await bench.store(), await bench.store()];
    const keys = ["{t}a", "{t}b", "{t}c"];
    await all(keys, (key) => writer.put(key, bench.value("0"), "absent"));
    let writing = true;
    const write = async (): Promise<void> => {
      let versions = (await readAll(writer, keys)).map((entry) => entry?.version);
      for (let count = 1; count <= bench.rounds(20, 5); count += 1) {
        const ops = keys.map((key, index) =>
          put(bench, key, `${count}`, { version: versions[index] ?? ("" as Version) }),
        );
        const answer = await writer.commit([], ops);
        must(answer.ok, "a commit that nobody contends with is applied", "ok", answer);
        versions = [...answer.versions];
        await turn();
      }
    };
    const read = async (order: readonly string[]): Promise<void> => {
      while (writing) {
        let seen = 0;
        for (const key of order) {
          const found = Number(bench.text(await reader.get(key)));
          must(
            found >= seen,
            `a read of ${key} after the others sees the same commit`,
            `write ${seen} or later`,
            found,
          );
          seen = found;
        }
        await turn();
      }
    };
    await Promise.all([write().finally(() => (writing = false)), read(keys), read(keys.toReversed())]);
  }),

  commitLaw("money moved between accounts by transactions is neither made nor lost, at any moment", async (bench) => {
    const [one, two] = [await bench.store(), await bench.store()];
    const accounts = ["{t}a", "{t}b", "{t}c", "{t}d"];
    await all(accounts, (key) => one.put(key, bench.value("100"), "absent"));
    const move = (store: Store, from: string, to: string): Promise<void> =>
      store.transaction(async (tx) => {
        const [left, right] = [await amount(bench, tx, from), await amount(bench, tx, to)];
        tx.put(from, bench.value(`${left - 1}`));
        tx.put(to, bench.value(`${right + 1}`));
      });
    const sum = (store: Store): Promise<number> =>
      store.transaction(async (tx) => {
        let total = 0;
        for (const key of accounts) total += await amount(bench, tx, key);
        return total;
      });
    let moving = true;
    const mover = async (store: Store, shift: number): Promise<void> => {
      for (let round = 0; round < bench.rounds(16, 4); round += 1) {
        const from = accounts[(round + shift) % 4] ?? "{t}a";
        const to = accounts[(round + shift + 1 + (round % 3)) % 4] ?? "{t}b";
        await patiently(() => move(store, from, to));
      }
    };
    const audit = async (): Promise<void> => {
      while (moving) {
        equal(await patiently(() => sum(two)), 400, "a transaction that reads all accounts sees one moment");
        await turn();
      }
    };
    await Promise.all([Promise.all([mover(one, 0), mover(two, 2)]).finally(() => (moving = false)), audit()]);
    equal(await sum(one), 400, "the sum stays what it was");
  }),

  commitLaw("a transaction reads its own writes, and nobody else does before it commits", async (bench) => {
    const store = await bench.store();
    await store.put("{t}b", bench.value("old"), "absent");
    await using tx = await store.begin();
    tx.put("{t}a", bench.value("new"));
    tx.delete("{t}b");
    equal(text(bench, await tx.get("{t}a")), "new", "a transaction reads its own write");
    equal(await tx.get("{t}b"), undefined, "a transaction reads its own delete");
    equal(await store.get("{t}a"), undefined, "nobody else reads it before the commit");
    await tx.commit();
    equal(bench.text(await store.get("{t}a")), "new", "after the commit it is there");
    equal(await store.get("{t}b"), undefined, "after the commit the delete is there");
    await rejects(() => tx.get("{t}a"), "CLOSED", "a committed transaction has ended");
  }),

  commitLaw("a transaction that is rolled back, left or fails writes nothing", async (bench) => {
    const store = await bench.store();
    const rolled = await store.begin();
    rolled.put("{t}a", bench.value("x"));
    rolled.rollback();
    rolled.rollback();
    await rejects(() => rolled.commit(), "CLOSED", "a transaction that was rolled back has ended");
    {
      await using left = await store.begin();
      left.put("{t}b", bench.value("x"));
    }
    const failed = store.transaction(async (tx) => {
      tx.put("{t}c", bench.value("x"));
      throw new RangeError("the work failed");
    });
    const error: unknown = await failed.catch((cause: unknown) => cause);
    must(error instanceof RangeError, "an error of the work reaches the caller as it is", "a RangeError", error);
    const found = await readAll(store, ["{t}a", "{t}b", "{t}c"]);
    equal(found, [undefined, undefined, undefined], "none of their writes is there");
  }),

  commitLaw("a transaction whose reads have changed is refused with CONFLICT and writes nothing", async (bench) => {
    const [store, other] = [await bench.store(), await bench.store()];
    await store.put("{t}read", bench.value("one"), "absent");
    for (const [what, change] of [
      ["changed", () => other.put("{t}read", bench.value("two"), "always")],
      ["deleted", () => other.delete("{t}read", "always")],
      ["created", () => other.put("{t}read", bench.value("three"), "absent")],
    ] as const) {
      await using tx = await store.begin();
      await tx.get("{t}read");
      await change();
      tx.put("{t}a", bench.value("x"));
      await rejects(() => tx.commit(), "CONFLICT", `a commit after a key that was read was ${what} is refused`);
      equal(await store.get("{t}a"), undefined, "a refused transaction writes nothing");
    }
  }),

  commitLaw("increments by transactions through two instances sum exactly", async (bench) => {
    const stores = [await bench.store(), await bench.store()];
    const [workers, increments] = [4, bench.rounds(10, 2)];
    await all(range(workers), async (worker) => {
      const store = stores[worker % 2];
      for (let round = 0; round < increments; round += 1) {
        const work = async (tx: Transaction): Promise<void> => {
          const found = await tx.get("{t}counter");
          tx.put("{t}counter", bench.value(`${Number(text(bench, found) ?? "0") + 1}`));
        };
        await patiently(async () => store?.transaction(work));
      }
    });
    equal(bench.text(await stores[0]?.get("{t}counter")), `${workers * increments}`, "no increment is lost");
  }),

  ...partitions,
];

function put(bench: Bench, key: string, value: string, when: Extract<WriteOp, { type: "put" }>["when"]): WriteOp {
  return { type: "put", key, value: bench.value(value), when };
}

async function amount(bench: Bench, tx: Transaction, key: string): Promise<number> {
  return Number(text(bench, await tx.get(key)));
}

function text(bench: Bench, value: Uint8Array | undefined): string | undefined {
  return value === undefined ? undefined : bench.text({ value });
}

/** Reads key by key: bulk reads are proved elsewhere. */
async function readAll(store: Store | undefined, keys: readonly string[]): Promise<(Entry | undefined)[]> {
  return all(keys, async (key) => store?.get(key));
}

/** A transaction gives up with CONFLICT after many lost races; that is no fault of the driver. */
async function patiently<T>(work: () => Promise<T>): Promise<T> {
  const attempt = attempts(20, "a transaction that is tried anew ends up applied");
  for (;;) {
    attempt();
    try {
      return await work();
    } catch (error) {
      if (!StoreError.is(error) || error.code !== "CONFLICT") throw error;
    }
  }
}
