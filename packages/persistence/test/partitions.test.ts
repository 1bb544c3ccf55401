import { expect, test } from "vitest";

import type { StoreDriver } from "../src/driver.ts";
import { partitionOf, StoreError } from "../src/driver.ts";
import { createStore, directory, guarded, membership, prefix, type Store, stringKey } from "../src/index.ts";
import { Keyspace } from "../src/store/keyspace.ts";
import { mapCapabilities, mapDriver } from "../src/testing/index.ts";

const PARTITIONS = 8;

/** Refuses, as a partitioned backend does, commits over more than one partition. Notes what was committed. */
function partitioned(maxKeyBytes = 1024): { driver: StoreDriver; commits: string[][] } {
  const driver = mapDriver();
  const commits: string[][] = [];
  const limits = { ...mapCapabilities.limits, maxKeyBytes };
  return {
    commits,
    driver: {
      ...driver,
      capabilities: { ...mapCapabilities, partitions: PARTITIONS, limits },
      async commit(checks, ops) {
        const keys = [...checks, ...ops].map(({ key }) => key);
        if (new Set(keys.map((key) => partitionOf(key, PARTITIONS))).size > 1)
          throw new StoreError("UNSUPPORTED", `over partitions: ${keys.join(" ")}`);
        commits.push(keys);
        return driver.commit!(checks, ops);
      },
    },
  };
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

async function failure(work: Promise<unknown>): Promise<StoreError> {
  const error = await work.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  if (!StoreError.is(error)) throw new Error("no StoreError was thrown");
  return error;
}

test("a lease, its data and its floor share a partition, whatever the names", async () => {
  const lease = new Keyspace("orbit", "lease", 1024);
  const state = new Keyspace("orbit", "state", 1024);
  const floor = new Keyspace("orbit", "floor", 1024);
  const used = new Set<number>();
  for (let count = 0; count < 200; count += 1) {
    const parts = ["default", "a-b{x}", `name-${count}`];
    const partition = partitionOf(lease.encode(...parts).key, PARTITIONS);
    used.add(partition);
    expect(partitionOf(state.encode(...parts, `{r}${count}`).key, PARTITIONS)).toBe(partition);
    expect(partitionOf(floor.encode(partition.toString(16), "default").key, PARTITIONS)).toBe(partition);
  }
  expect(used.size).toBe(PARTITIONS);
});

test("user keys with the same tag share a partition, as does all that a key without one is", () => {
  const data = new Keyspace("orbit", "data", 1024);
  const at = (key: string): number => partitionOf(data.encode(key).key, 4096);
  expect(at("{user-1}/name")).toBe(at("orders/{user-1}"));
  expect(at("{user-1}/name")).toBe(at("user-1"));
  expect(at("a{}{b}")).not.toBe(at("b"));
  expect(at("a{b")).not.toBe(at("b"));
  expect(at("{a}x{b}")).toBe(at("a"));
});

test("the layer prefix moves no key to another partition", () => {
  const data = new Keyspace("orbit", "data", 1024);
  const { key } = data.encode("{t}a");
  expect(partitionOf(`team_7.${key}`, 4096)).toBe(partitionOf(key, 4096));
});

test("a commit over keys of different tags is refused before I/O and says what to do", async () => {
  const { driver, commits } = partitioned();
  await using store = await createStore(driver);
  const before = commits.length;
  const put = (key: string) => ({ type: "put", key, value: bytes("x"), when: "absent" }) as const;
  const error = await failure(store.commit([], [put("a"), put("b")]));
  expect(error.code).toBe("UNSUPPORTED");
  expect(error.message).toContain('"a" and "b"');
  expect(error.message).toContain("{tag}");
  expect(commits.length).toBe(before);
  expect((await store.commit([], [put("{t}a"), put("{t}b")])).ok).toBe(true);
  await store.transaction(async (transaction) => {
    transaction.put("{t}a", bytes("y"));
    await transaction.get("{t}b");
  });
});

async function cluster(store: Store) {
  const members = membership(store);
  const actors = directory(store, { membership: members });
  const node = await members.join({ id: "n" }, { heartbeat: false });
  return { actors, node };
}

test.each([
  ["at the driver", []],
  ["under a prefix", [prefix({ prefix: "team." })]],
] as const)("acquire and guarded writes are one commit in one partition, %s", async (_where, layers) => {
  const { driver, commits } = partitioned();
  await using store = await createStore(driver, { layers });
  const { actors, node } = await cluster(store);
  for (let count = 0; count < 20; count += 1) {
    commits.length = 0;
    const answer = await actors.acquire({ type: "T", key: stringKey(`k${count}`) }, node);
    if (!answer.ok) throw new Error("refused");
    await guarded(store, answer.lease).put("record", bytes("x"));
    expect(commits.map((keys) => keys.map((key) => key.split("-")[1]))).toEqual([
      ["floor", "lease"],
      ["lease", "state"],
    ]);
  }
  await node.leave();
});

test("a guarded record whose name was cut to a hash may lie elsewhere: it is claimed instead", async () => {
  const { driver } = partitioned(160);
  await using store = await createStore(driver);
  const { actors, node } = await cluster(store);
  for (let count = 0; count < 20; count += 1) {
    const answer = await actors.acquire({ type: "T", key: stringKey(`${"long".repeat(20)}${count}`) }, node);
    if (!answer.ok) throw new Error("refused");
    const data = guarded(store, answer.lease);
    const record = "record".repeat(10);
    await data.put(record, bytes("x"));
    expect(await data.get(record)).toEqual(Buffer.from("x"));
  }
  await node.leave();
});
