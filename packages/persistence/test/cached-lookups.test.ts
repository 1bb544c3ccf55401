import { expect, test } from "vitest";

import type { StoreDriver } from "../src/driver.ts";
import { cachedLookups, createStore, directory, membership, stringKey } from "../src/index.ts";
import { StoreError } from "../src/index.ts";
import { manualClock, mapData, mapDriver } from "../src/testing/index.ts";

const bob = { type: "Robot", key: stringKey("bob") };

async function setUp(near: (driver: StoreDriver) => StoreDriver = (driver) => driver) {
  const clock = manualClock();
  const data = mapData();
  let reads = 0;
  const counted = (driver: StoreDriver): StoreDriver => ({
    ...driver,
    get: (...args) => (reads++, driver.get(...args)),
  });
  const far = await createStore(counted(mapDriver({ data, clock })), { clock });
  const members = membership(far);
  const leases = directory(far, { membership: members });
  const cache = await createStore(near(mapDriver({ clock })), { clock });
  const cached = cachedLookups(leases, { membership: members, cache });
  const other = await createStore(mapDriver({ data, clock }), { clock });
  const otherMembers = membership(other);
  const elsewhere = directory(other, { membership: otherMembers });
  return { clock, members, leases, cached, elsewhere, otherMembers, reads: () => reads };
}

test("a lookup in the near store spares the far one", async () => {
  const { members, cached, reads } = await setUp();
  const node = await members.join({ id: "a" });
  const acquired = await cached.acquire(bob, node);
  expect(acquired.ok).toBe(true);
  await cached.lookup(bob);
  const before = reads();
  for (let round = 0; round < 10; round += 1) expect(await cached.lookup(bob)).toMatchObject({ node: { key: "a" } });
  expect(reads()).toBe(before);
  expect(cached.metrics()).toEqual({ cache_hits: 11, cache_misses: 0 });
});

test("what another process changed is told after a second at the latest, a dead node's lease never", async () => {
  const { clock, members, cached, elsewhere, otherMembers } = await setUp();
  const a = await members.join({ id: "a", ttlMs: 60_000 });
  const b = await otherMembers.join({ id: "b", ttlMs: 60_000 });
  const acquired = await cached.acquire(bob, a);
  if (!acquired.ok) throw new Error("refused");
  expect(await elsewhere.release(acquired.lease)).toBe(true);
  await elsewhere.acquire(bob, b);
  expect(await cached.lookup(bob)).toMatchObject({ node: { key: "a" } });
  await clock.advance(1_001);
  expect(await cached.lookup(bob)).toMatchObject({ node: { key: "b" } });
  await members.leave(b);
  expect(await cached.lookup(bob)).toBeUndefined();
});

test("one's own release is told at once, and a lease with an own ttl is not cached", async () => {
  const { members, cached } = await setUp();
  const node = await members.join({ id: "a" });
  const acquired = await cached.acquire(bob, node);
  if (!acquired.ok) throw new Error("refused");
  expect(await cached.release(acquired.lease)).toBe(true);
  expect(await cached.lookup(bob)).toBeUndefined();
  await cached.acquire(bob, node, { ttlMs: 500 });
  await cached.lookup(bob);
  expect(cached.metrics()).toEqual({ cache_hits: 0, cache_misses: 2 });
});

test("a near store that fails costs only its own answers", async () => {
  const down = (): Promise<never> => Promise.reject(new StoreError("UNAVAILABLE", "down"));
  let broken = false;
  const { members, cached } = await setUp((driver) => ({
    ...driver,
    get: (...args) => (broken ? down() : driver.get(...args)),
    put: (...args) => (broken ? down() : driver.put(...args)),
    delete: (...args) => (broken ? down() : driver.delete(...args)),
  }));
  broken = true;
  const node = await members.join({ id: "a" });
  const acquired = await cached.acquire(bob, node);
  expect(acquired.ok).toBe(true);
  expect(await cached.lookup(bob)).toMatchObject({ node: { key: "a" } });
  if (acquired.ok) expect(await cached.release(acquired.lease)).toBe(true);
});
