import { subscribe, unsubscribe } from "node:diagnostics_channel";

import { afterEach, beforeEach, expect, test } from "vitest";

import { countTombstones, createStore, directory, membership, remoteHolder, stringKey } from "../src/index.ts";
import { manualClock, mapDriver } from "../src/testing/index.ts";

const reference = { type: "Robot", key: stringKey("bob") };
let events: string[];
const onEvent = (message: unknown): void => void events.push((message as { readonly type: string }).type);

beforeEach(() => {
  events = [];
  for (const name of ["orbit.lease", "orbit.membership"]) subscribe(name, onEvent);
});
afterEach(() => {
  for (const name of ["orbit.lease", "orbit.membership"]) unsubscribe(name, onEvent);
});

test("a node elsewhere is admitted, renewed and granted leases without a belief of this process", async () => {
  const clock = manualClock();
  await using store = await createStore(mapDriver({ clock }), { clock });
  const members = membership(store);
  const leases = directory(store, { membership: members });
  const node = await members.admit({ id: "n1", ttlMs: 1_000 });
  const acquired = await leases.acquire(reference, remoteHolder(node), { ttlMs: 500 });
  if (!acquired.ok) throw new Error("not acquired");
  await clock.advance(400);
  await members.renew(node);
  await leases.renew(acquired.lease);
  expect(await leases.release({ reference, grant: acquired.lease.grant })).toBe(true);
  // Nobody here believes anything that could be lost.
  await clock.advance(5_000);
  expect(events).toEqual(["joined", "acquired", "renewed", "renewed", "released"]);
  await expect(members.renew(node)).rejects.toThrow("LEASE_LOST");
});

test("an admission waits for a live record of the same id, unless it replaces it", async () => {
  const clock = manualClock();
  await using store = await createStore(mapDriver({ clock }), { clock });
  const members = membership(store);
  const first = await members.admit({ id: "n1", ttlMs: 1_000 });
  await expect(members.admit({ id: "n1" }, { deadline: clock.now() + 500 })).rejects.toThrow("TIMEOUT");
  const second = await members.admit({ id: "n1", ttlMs: 1_000 }, { replace: true });
  expect(second.epoch).not.toBe(first.epoch);
  const waiting = members.admit({ id: "n1" });
  await clock.advance(1_100);
  expect((await waiting).epoch).not.toBe(second.epoch);
});

test("a listing goes on after an addressable, also after one that has no lease any more", async () => {
  const clock = manualClock();
  await using store = await createStore(mapDriver({ clock }), { clock });
  const members = membership(store);
  const leases = directory(store, { membership: members });
  const holder = remoteHolder(await members.admit({ id: "n1" }));
  const references = ["a", "b", "c", "d"].map((name) => ({ type: "Robot", key: stringKey(name) }));
  await leases.acquireMany(references, holder);
  const after = async (at: number): Promise<readonly unknown[]> => {
    const found = [];
    for await (const page of leases.leasesOf("n1", { after: references[at] })) found.push(...page);
    return found.map((lease) => lease.reference);
  };
  expect(await after(1)).toEqual(references.slice(2));
  const [, second] = await leases.lookupMany(references);
  if (second === undefined || "code" in second) throw new Error("no lease");
  await leases.release(second);
  expect(await after(1)).toEqual(references.slice(2));
  expect(await after(3)).toEqual([]);
  expect(await countTombstones(store)).toEqual({ records: 5, tombstones: 1, complete: true });
  expect(await countTombstones(store, { budget: 3 })).toMatchObject({ records: 3, complete: false });
});

test("leaving is no loss", async () => {
  const clock = manualClock();
  await using store = await createStore(mapDriver({ clock }), { clock });
  const session = await membership(store).join({ id: "n1" });
  await session.leave();
  expect(session.isLive()).toBe(false);
  expect(events).toEqual(["joined", "left"]);
});
