import { afterAll, beforeAll, expect, test } from "vitest";

import type { TikvControl } from "./backends/tikv/control.ts";
import { startTikv, type TikvCluster } from "./backends/tikv/start.ts";
import { ClientGo, type Pair } from "./tikv/client-go.ts";

// Below API V2 a cluster holds raw keys or transactions, so this is another cluster than that of the transactions.
let cluster: TikvCluster;
let control: TikvControl;
let client: ClientGo;

beforeAll(async () => {
  cluster = await startTikv({ pds: 3 });
  control = cluster.control;
  client = await ClientGo.open(cluster.pd);
}, 900_000);

afterAll(async () => {
  await client?.[Symbol.asyncDispose]();
  await cluster?.[Symbol.asyncDispose]();
});

const bytes = (text: string): Uint8Array => Buffer.from(text);
const text = (value: Uint8Array): string => Buffer.from(value).toString();
const texts = (pairs: readonly Pair[]): readonly string[] =>
  pairs.map(({ key, value }) => `${text(key)}=${text(value)}`);
const until = (key: string): Uint8Array => bytes(`${key}~`);

test("raw keys are put, read, scanned, swapped and deleted over a split", async () => {
  for (const n of [1, 2, 3, 4]) await client.rawPut(bytes(`r/${n}`), bytes(`${n}`));
  await control.split(bytes("r/3"), { raw: true });
  expect(texts(await client.rawScan(bytes("r/"), until("r/"), 9))).toEqual(["r/1=1", "r/2=2", "r/3=3", "r/4=4"]);
  expect(await client.rawSwap(bytes("r/3"), bytes("wrong"), bytes("lost"))).toBe(false);
  expect(await client.rawSwap(bytes("r/3"), bytes("3"), bytes("won"))).toBe(true);
  expect(await client.rawSwap(bytes("r/5"), bytes(""), bytes("new"))).toBe(true);
  expect(await client.rawSwap(bytes("r/5"), bytes(""), bytes("again"))).toBe(false);
  await client.rawDelete(bytes("r/1"));
  expect(text(await client.rawGet(bytes("r/1")))).toBe("");
  expect(texts(await client.rawScan(bytes("r/"), until("r/"), 9))).toEqual(["r/2=2", "r/3=won", "r/4=4", "r/5=new"]);
  await client.rawPut(bytes("r/ttl"), bytes("soon"), 1000);
  expect(await client.rawTtl(bytes("r/ttl"))).toBeGreaterThan(900);
  expect(await client.rawTtl(bytes("r/ttl"))).toBeLessThanOrEqual(1000);
  expect(await client.rawTtl(bytes("r/2"))).toBe(0);
});

test("a raw command meets a fault too, and another key does not", async () => {
  const scope = { command: "RawPut", start: bytes("r/busy"), end: until("r/busy") };
  const id = await control.fail({ kind: "regionError", regionError: { epochNotMatch: {} } }, scope);
  await client.rawPut(bytes("r/other"), bytes("1"));
  expect(await control.hits(id)).toBe(0);
  await client.rawPut(bytes("r/busy"), bytes("1"));
  expect(await control.hits(id)).toBe(1);
});

test("three members of PD agree on a leader, and raw keys survive a restart of the stores", async () => {
  const answer = await fetch(`http://${cluster.pd[2]}/pd/api/v1/members`);
  expect(await answer.json()).toMatchObject({
    members: [{}, {}, {}],
    leader: { name: expect.stringMatching(/^pd\d$/) },
  });
  await client.rawPut(bytes("r/kept"), bytes("c"));
  await cluster.stores.restart();
  expect(text(await client.rawGet(bytes("r/kept")))).toBe("c");
});
