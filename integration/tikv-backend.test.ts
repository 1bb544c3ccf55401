import { afterAll, afterEach, beforeAll, expect, test } from "vitest";

import { type RegionError, type TikvControl } from "./backends/tikv/control.ts";
import { startTikv, type TikvCluster } from "./backends/tikv/start.ts";
import { ClientGo, type CommitMode, type Pair } from "./tikv/client-go.ts";

let cluster: TikvCluster;
let control: TikvControl;
let client: ClientGo;

// Building PD and PingCAP's store takes minutes where nothing is built yet.
beforeAll(async () => {
  cluster = await startTikv();
  control = cluster.control;
  client = await ClientGo.open(cluster.pd);
}, 900_000);

afterAll(async () => {
  await client?.[Symbol.asyncDispose]();
  await cluster?.[Symbol.asyncDispose]();
});

afterEach(() => control.clearFaults());

// The store keeps rollbacks beside keys whose first byte is one more, so every transactional key begins with m.
const bytes = (text: string): Uint8Array => Buffer.from(text);
const pair = (key: string, value: string): Pair => ({ key: bytes(key), value: bytes(value) });
const text = (value: Uint8Array): string => Buffer.from(value).toString();
const texts = (pairs: readonly Pair[]): readonly string[] =>
  pairs.map(({ key, value }) => `${text(key)}=${text(value)}`);
const until = (key: string): Uint8Array => bytes(`${key}~`);

const holding = async (key: Uint8Array): Promise<number> => {
  const regions = await control.regions();
  const at = Buffer.from(key).toString("hex");
  return regions.findLast(({ start }) => start <= at)!.id;
};

test("three stores have a peer of every region, and PD has as many", async () => {
  const stores = await control.stores();
  expect(stores).toHaveLength(3);
  for (const { peers } of await control.regions()) {
    expect(peers.map(({ store }) => store)).toEqual(stores.map(({ id }) => id));
  }
  const known = await fetch(`http://${cluster.pd[0]}/pd/api/v1/stores`);
  expect(await known.json()).toMatchObject({ count: 3, stores: stores.map(() => ({ store: { state_name: "Up" } })) });
});

test.for<[CommitMode, boolean, string]>([
  ["2pc", false, "2pc"],
  ["2pc", true, "2pc"],
  ["async", false, "async_commit"],
  ["async", true, "async_commit"],
  ["1pc", false, "1pc"],
  ["1pc", true, "1pc"],
])("a transaction commits by %s, pessimistically: %s", async ([mode, lock, committed]) => {
  const name = `m/mode/${mode}/${lock}`;
  expect(await client.commit([pair(`${name}/1`, "one"), pair(`${name}/2`, "two")], mode, { lock })).toBe(committed);
  expect(texts(await client.scan(bytes(name), until(name), 9))).toEqual([`${name}/1=one`, `${name}/2=two`]);
});

test("a client follows a split, a transfer of both halves and a merge", async () => {
  await client.commit([pair("m/moved/1", "a"), pair("m/moved/2", "b")], "1pc");
  const [left, right] = await control.split(bytes("m/moved/2"));
  expect(await client.commit([pair("m/moved/1", "c"), pair("m/moved/2", "d")], "1pc")).toBe("2pc");
  const stores = await control.stores();
  await control.transfer(left!.id, stores[1]!.id);
  await control.transfer(right!.id, stores[2]!.id);
  expect(texts(await client.scan(bytes("m/moved/"), until("m/moved/"), 9))).toEqual(["m/moved/1=c", "m/moved/2=d"]);
  expect(await client.commit([pair("m/moved/1", "e"), pair("m/moved/2", "f")], "async")).toBe("async_commit");
  const merged = await control.merge(left!.id);
  expect(merged.version).toBeGreaterThan(right!.version);
  expect(texts(await client.scan(bytes("m/moved/"), until("m/moved/"), 9))).toEqual(["m/moved/1=e", "m/moved/2=f"]);
  expect(await client.commit([pair("m/moved/1", "g"), pair("m/moved/2", "h")], "1pc")).toBe("1pc");
  expect(texts(await client.scan(bytes("m/moved/"), until("m/moved/"), 9))).toEqual(["m/moved/1=g", "m/moved/2=h"]);
});

const passing: readonly RegionError[] = [
  { notLeader: {} },
  { regionNotFound: {} },
  { keyNotInRegion: {} },
  { epochNotMatch: {} },
  { serverIsBusy: { reason: "injected", backoffMs: 10 } },
  { staleCommand: {} },
  { storeNotMatch: {} },
  { maxTimestampNotSynced: {} },
  { readIndexNotReady: {} },
  { proposalInMergingMode: {} },
  { dataIsNotReady: {} },
  { regionNotInitialized: {} },
  { RecoveryInProgress: {} },
  { isWitness: {} },
  { mismatchPeerId: {} },
  { bucketVersionNotMatch: {} },
];

const nameOf = (error: RegionError): string => Object.keys(error)[0]!;

test.for(passing.map((error) => [nameOf(error), error] as const))(
  "a write and a read get past one %s each",
  async ([name, regionError]) => {
    const key = `m/passing/${name}`;
    const scope = { start: bytes(key), end: until(key) };
    const write = await control.fail({ kind: "regionError", regionError }, { command: "KvPrewrite", ...scope });
    const read = await control.fail({ kind: "regionError", regionError }, { command: "KvBatchGet", ...scope });
    await client.commit([pair(key, "written")], "2pc");
    expect(text(await client.get(bytes(key)))).toBe("written");
    expect([await control.hits(write), await control.hits(read)]).toEqual([1, 1]);
  },
);

test.for(
  [{ raftEntryTooLarge: {} }, { FlashbackInProgress: {} }, { FlashbackNotPrepared: {} }, { diskFull: {} }].map(
    (error) => [nameOf(error), error] as const,
  ),
)("a write fails by %s and leaves nothing", async ([name, regionError]) => {
  const key = `m/failing/${name}`;
  const scope = { command: "KvPrewrite", start: bytes(key), end: until(key), count: -1 };
  await control.fail({ kind: "regionError", regionError }, scope);
  await expect(client.commit([pair(key, "lost")], "2pc", { timeoutMs: 3000 })).rejects.toThrow();
  expect(text(await client.get(bytes(key)))).toBe("");
});

test("a commit whose answer is an error after the work was done is there", async () => {
  const scope = { command: "KvCommit", start: bytes("m/unknown"), end: until("m/unknown") };
  const id = await control.fail({ kind: "status", code: "Unavailable", applied: true }, scope);
  await client.commit([pair("m/unknown", "there")], "2pc");
  expect(await control.hits(id)).toBe(1);
  expect(text(await client.get(bytes("m/unknown")))).toBe("there");
});

test("a call whose answer is dropped ends at its deadline, and one before it is let through", async () => {
  await client.commit([pair("m/dropped", "there")], "1pc");
  const scope = { command: "KvBatchGet", start: bytes("m/dropped"), end: until("m/dropped"), skip: 1 };
  const id = await control.fail({ kind: "drop" }, scope);
  expect(text(await client.get(bytes("m/dropped")))).toBe("there");
  await expect(client.get(bytes("m/dropped"), 300)).rejects.toThrow(/deadline|cancel/);
  expect(await control.hits(id)).toBe(1);
});

test("a late answer is late", async () => {
  await client.commit([pair("m/late", "there")], "1pc");
  const scope = { command: "KvBatchGet", start: bytes("m/late"), end: until("m/late") };
  await control.fail({ kind: "late", delayMs: 200 }, scope);
  const asked = performance.now();
  expect(text(await client.get(bytes("m/late")))).toBe("there");
  expect(performance.now() - asked).toBeGreaterThanOrEqual(199);
});

test("a lock told for the whole answer is resolved and the read goes on", async () => {
  await client.commit([pair("m/locked", "there")], "1pc");
  const lock = Buffer.from("m/locked").toString("base64");
  const keyError = { locked: { primaryLock: lock, key: lock, lockVersion: 1, lockTtl: 0, txnSize: 1 } };
  const range = { start: bytes("m/locked"), end: until("m/locked") };
  const id = await control.fail({ kind: "keyError", keyError }, { command: "KvBatchGet", ...range });
  expect(text(await client.get(bytes("m/locked")))).toBe("there");
  expect(await control.hits(id)).toBe(1);
});

test("a fault of a store or a region leaves the others alone", async () => {
  const [left, right] = await control.split(bytes("m/scope/2"));
  const stores = await control.stores();
  await control.transfer(left!.id, stores[0]!.id);
  await control.transfer(right!.id, stores[1]!.id);
  await client.commit([pair("m/scope/1", "a"), pair("m/scope/2", "b")], "2pc");
  const busy = { kind: "regionError", regionError: { epochNotMatch: {} } } as const;
  const byStore = await control.fail(busy, { command: "KvBatchGet", store: stores[0]!.id });
  const byRegion = await control.fail(busy, { command: "KvBatchGet", region: await holding(bytes("m/scope/1")) });
  await client.get(bytes("m/scope/2"));
  expect([await control.hits(byStore), await control.hits(byRegion)]).toEqual([0, 0]);
  await client.get(bytes("m/scope/1"));
  expect([await control.hits(byStore), await control.hits(byRegion)]).toEqual([1, 1]);
});

test("unary calls meet faults as batched ones do", async () => {
  await using unary = await ClientGo.open(cluster.pd, { unary: true });
  const scope = { start: bytes("m/unary"), end: until("m/unary") };
  const busy = { kind: "regionError", regionError: { epochNotMatch: {} } } as const;
  const write = await control.fail(busy, { command: "KvPrewrite", ...scope });
  const answer = await control.fail(
    { kind: "status", code: "Unavailable", applied: true },
    { command: "KvCommit", ...scope },
  );
  await unary.commit([pair("m/unary/1", "a"), pair("m/unary/2", "b")], "2pc");
  expect(texts(await unary.scan(bytes("m/unary"), until("m/unary"), 9))).toEqual(["m/unary/1=a", "m/unary/2=b"]);
  expect([await control.hits(write), await control.hits(answer)]).toEqual([1, 1]);
});

test("a store that is down hands its regions over, and serves again when it is up", async () => {
  await client.commit([pair("m/down", "a")], "1pc");
  const region = await holding(bytes("m/down"));
  const led = async (): Promise<number> => (await control.regions()).find(({ id }) => id === region)!.leader.store;
  const store = await led();
  await control.down(store);
  expect(await led()).not.toBe(store);
  await client.commit([pair("m/down", "b")], "1pc");
  await expect(control.down(store)).rejects.toThrow(/is not up/);
  await control.up(store);
  await control.transfer(region, store);
  expect(text(await client.get(bytes("m/down")))).toBe("b");
  expect(await led()).toBe(store);
});

test("frozen stores hold a call until its deadline and go on where they were", async () => {
  await client.commit([pair("m/frozen", "a")], "1pc");
  cluster.stores.pause();
  await expect(client.get(bytes("m/frozen"), 300)).rejects.toThrow(/deadline|cancel/);
  cluster.stores.resume();
  expect(text(await client.get(bytes("m/frozen")))).toBe("a");
});

test("a PD that was killed learns the regions again", async () => {
  await client.commit([pair("m/pd", "a")], "1pc");
  await cluster.members[0]!.restart("SIGKILL");
  await using fresh = await ClientGo.open(cluster.pd);
  expect(text(await fresh.get(bytes("m/pd")))).toBe("a");
  await fresh.commit([pair("m/pd", "b")], "1pc");
  await control.split(bytes("m/pd"));
  expect(text(await client.get(bytes("m/pd")))).toBe("b");
});

test("what was written survives a restart of the stores, and so do the regions", async () => {
  await client.commit([pair("m/kept/1", "a"), pair("m/kept/2", "b")], "2pc");
  const before = await control.regions();
  await cluster.stores.restart();
  expect(await control.regions()).toEqual(before);
  expect(texts(await client.scan(bytes("m/kept/"), until("m/kept/"), 9))).toEqual(["m/kept/1=a", "m/kept/2=b"]);
});

test("a fault that cannot be is refused by name", async () => {
  const drop = { kind: "drop" } as const;
  await expect(control.fail(drop, { command: "KvNothing" })).rejects.toThrow(/"KvNothing" is not a unary method/);
  await expect(control.fail({ kind: "status", code: "Odd" })).rejects.toThrow(/code "Odd" is not one of Canceled/);
  await expect(control.fail({ kind: "keyError", keyError: {} })).rejects.toThrow(/needs a command/);
  await expect(control.fail(drop, { count: 0 })).rejects.toThrow(/count/);
  const [first] = await control.regions();
  await expect(control.transfer(first!.id, 999)).rejects.toThrow(/no peer at store 999/);
  await expect(control.split(bytes(""))).rejects.toThrow(/key is missing/);
});
