import { guarded, type Store, type Transaction, type WriteOp } from "@orbit/persistence";
import { partitionOf } from "@orbit/persistence/driver";

import { equal, must, rejects } from "../assert.ts";
import { all, type Bench, range } from "../bench.ts";
import { driverLaw, type Law, storeLaw } from "../law.ts";
import { join, robot, startProcess, take } from "../traits/cluster.ts";
import { watched } from "../traits/watched.ts";

/** Addressables, enough to fall into most partitions. */
const MANY = 24;

/** What a backend promises that commits over keys of one partition only. */
export const partitions: readonly Law[] = [
  storeLaw(
    "keys with the same tag commit together; over several tags every form is refused before any request",
    async (bench) => {
      const { store, calls } = await watched(bench);
      const tags = range(MANY).map((index) => `{${index}}`);
      const made = await all(tags, (tag) => store.commit([], [put(bench, `${tag}a`), put(bench, `${tag}b`)]));
      must(
        made.every(({ ok }) => ok),
        "keys with the same tag commit together",
        "ok",
        made,
      );
      const sent = calls.length;
      const forms: readonly (readonly [string, () => Promise<unknown>])[] = [
        ["a commit of two writes", () => store.commit([], [put(bench, "{x}a"), put(bench, "{y}a")])],
        ["a commit of a check and a write", () => checked(bench, store)],
        ["a commit of keys without tags", () => store.commit([], [put(bench, "a"), put(bench, "b")])],
        ["a transaction", () => store.transaction((tx) => over(bench, tx))],
      ];
      for (const [what, call] of forms) {
        const error = await rejects(call, "UNSUPPORTED", `${what} over several tags is refused`);
        must(error.reason.includes("{tag}"), "the error says what to do", "give keys the same {tag}", error.reason);
      }
      equal(calls.length, sent, "a commit over several tags sends no request");
    },
    { needs: ["commit", "partitions"] },
  ),

  driverLaw(
    "places keys by partitionOf: a commit within a partition is applied, one over two is refused whole",
    async (bench) => {
      const driver = await bench.driver();
      const count = bench.capabilities.partitions;
      const first = bench.key("a");
      const home = partitionOf(first, count);
      const names = range(100 * count).map((index) => bench.key(`k${index}`));
      const near = names.filter((key) => partitionOf(key, count) === home).slice(0, 3);
      const far = names.filter((key) => partitionOf(key, count) !== home).slice(0, 3);
      const within = await driver.commit?.(
        [],
        [first, ...near].map((key) => put(bench, key)),
      );
      must(within?.ok === true, "keys of one partition commit together", "ok", within);
      for (const key of far) {
        const apart = async (): Promise<unknown> => driver.commit?.([], [put(bench, bench.key("b")), put(bench, key)]);
        if (partitionOf(bench.key("b"), count) === partitionOf(key, count)) continue;
        await rejects(apart, "UNSUPPORTED", "a commit over two partitions is refused");
        equal(await driver.get(key), undefined, "a refused commit applies nothing");
        equal(await driver.get(bench.key("b")), undefined, "a refused commit applies nothing");
      }
    },
    { needs: ["commit", "partitions"] },
  ),

  storeLaw(
    "a lease commits together with its floor and with the data that it guards, in every partition",
    async (bench) => {
      const operations: string[] = [];
      const process = await startProcess(bench, {
        around: (call, options, run) => {
          operations.push(call.operation);
          return run(options);
        },
      });
      const a = await join(process, "a");
      for (const index of range(MANY)) {
        operations.length = 0;
        const lease = await take(process, a, robot(`r${index}`));
        must(operations.includes("commit"), "an acquire checks the floor in the commit", "a commit", operations);
        operations.length = 0;
        const data = guarded(process.store, lease, { allowWeak: true });
        await data.put("x", bench.value("one"));
        must(operations.includes("commit"), "a guarded write checks the lease in its commit", "a commit", operations);
      }
    },
    { needs: ["commit", "partitions"] },
  ),
];

function put(bench: Bench, key: string): WriteOp {
  return { type: "put", key, value: bench.value("one"), when: "absent" };
}

function checked(bench: Bench, store: Store): Promise<unknown> {
  return store.commit([{ key: "{x}b", when: "absent" }], [put(bench, "{y}b")]);
}

async function over(bench: Bench, tx: Transaction): Promise<void> {
  tx.put("{x}c", bench.value("one"));
  tx.put("{y}c", bench.value("one"));
}
