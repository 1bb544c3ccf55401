import { expect, test } from "vitest";

import type { StoreDriver } from "../src/driver.ts";
import {
  type AddressableReference,
  createStore,
  directory,
  guarded,
  int64Key,
  type Lease,
  membership,
  namespacesOf,
  noKey,
  type NodeSession,
  startSweeper,
  type Store,
  StoreError,
  stringKey,
} from "../src/index.ts";
import { type ManualClock, manualClock, mapData, mapDriver } from "../src/testing/index.ts";

const bob: AddressableReference = { type: "Robot", key: stringKey("bob") };
const bytes = (text: string): Uint8Array => Buffer.from(text);

interface World {
  readonly clock: ManualClock;
  readonly data: ReturnType<typeof mapData>;
  /** A process of its own: another store over the same data. */
  process(wrap?: (driver: StoreDriver) => StoreDriver): Promise<Process>;
}

interface Process {
  readonly store: Store;
  readonly members: ReturnType<typeof membership>;
  readonly leases: ReturnType<typeof directory>;
}

function world(): World {
  const clock = manualClock();
  const data = mapData();
  return {
    clock,
    data,
    async process(wrap = (driver) => driver) {
      const store = await createStore(wrap(mapDriver({ data, clock })), { clock });
      const members = membership(store);
      return { store, members, leases: directory(store, { membership: members }) };
    },
  };
}

async function take(process: Process, session: NodeSession, reference = bob): Promise<Lease> {
  const acquired = await process.leases.acquire(reference, session);
  if (!acquired.ok) throw new Error(`held by ${acquired.current.node.key}`);
  return acquired.lease;
}

const collect = async <T>(pages: AsyncIterable<readonly T[]>): Promise<T[]> => (await Array.fromAsync(pages)).flat();

test("a second node is refused while the first lives, and learns who holds it", async () => {
  const { process } = world();
  const [one, two] = [await process(), await process()];
  const [a, b] = [await one.members.join({ id: "a" }), await two.members.join({ id: "b" })];
  const lease = await take(one, a);
  const refused = await two.leases.acquire(bob, b);
  expect(refused).toMatchObject({ ok: false, current: { node: { key: "a" }, fence: lease.fence, grant: lease.grant } });
  expect(await two.leases.lookup(bob)).toMatchObject({ node: { key: "a" }, fence: lease.fence });
});

test("a dead node's addressable is taken over with a higher fence, and not before its ttl", async () => {
  const { clock, process } = world();
  const [one, two] = [await process(), await process()];
  const a = await one.members.join({ id: "a", ttlMs: 1_000 }, { heartbeat: false });
  const b = await two.members.join({ id: "b", ttlMs: 60_000 });
  const lease = await take(one, a);
  await clock.advance(990);
  expect(a.isLive()).toBe(false);
  expect(lease.isHeld()).toBe(false);
  expect((await two.leases.acquire(bob, b)).ok).toBe(false);
  await clock.advance(20);
  const taken = await take(two, b);
  expect(taken.fence).toBeGreaterThan(lease.fence);
  await expect(a.renew()).rejects.toMatchObject({ code: "LEASE_LOST" });
  await expect(one.leases.renew(lease)).rejects.toMatchObject({ code: "LEASE_LOST" });
  expect(await one.leases.release(lease)).toBe(false);
  expect(await two.leases.lookup(bob)).toMatchObject({ node: { key: "b" } });
});

test("heartbeats keep a node and all its leases for one request each, and lost fires before the deadline", async () => {
  const { clock, process } = world();
  let puts = 0;
  const one = await process((driver) => ({ ...driver, put: (...args) => (puts++, driver.put(...args)) }));
  const a = await one.members.join({ id: "a", ttlMs: 900 });
  const leases = await Promise.all(
    Array.from({ length: 50 }, (_, n) => take(one, a, { type: "Robot", key: int64Key(BigInt(n)) })),
  );
  puts = 0;
  await clock.advance(9_000);
  expect(puts).toBeGreaterThanOrEqual(29);
  expect(puts).toBeLessThanOrEqual(34);
  expect(leases.every((lease) => lease.isHeld())).toBe(true);
  const deadlines: number[] = [];
  const lease = leases[0] as Lease;
  lease.lost.addEventListener("abort", () => deadlines.push(clock.now() - lease.deadline));
  await a.leave();
  expect(deadlines).toHaveLength(1);
  expect(deadlines[0]).toBeLessThan(0);
  expect(lease.isHeld()).toBe(false);
});

test("a fence never falls over release, sweep and creation anew", async () => {
  const { process } = world();
  const one = await process();
  const a = await one.members.join({ id: "a" });
  let last = 0n;
  for (let round = 0; round < 50; round += 1) {
    const lease = await take(one, a);
    expect(lease.fence).toBeGreaterThan(last);
    last = lease.fence;
    expect(await lease.release()).toBe(true);
    if (round % 2 === 0) expect((await one.leases.sweep()).removed).toBe(1);
  }
  await one.leases.sweep();
  expect(await collect(one.leases.leases())).toEqual([]);
});

test("acquiring again supersedes one's own grant", async () => {
  const { process } = world();
  const one = await process();
  const a = await one.members.join({ id: "a" });
  const first = await take(one, a);
  const second = await take(one, a);
  expect(second.fence).toBeGreaterThan(first.fence);
  await expect(first.renew()).rejects.toMatchObject({ code: "LEASE_LOST" });
  expect(first.isHeld()).toBe(false);
  await second.renew();
  expect(second.isHeld()).toBe(true);
});

test("an own ttl ends a lease while its node lives, and renewals extend it", async () => {
  const { clock, process } = world();
  const [one, two] = [await process(), await process()];
  const a = await one.members.join({ id: "a" });
  const b = await two.members.join({ id: "b" });
  const acquired = await one.leases.acquire(bob, a, { ttlMs: 500 });
  if (!acquired.ok) throw new Error("refused");
  for (let round = 0; round < 5; round += 1) {
    await clock.advance(300);
    await acquired.lease.renew();
  }
  expect((await two.leases.acquire(bob, b)).ok).toBe(false);
  await clock.advance(502);
  expect(acquired.lease.isHeld()).toBe(false);
  expect(await two.leases.lookup(bob)).toBeUndefined();
  expect((await take(two, b)).fence).toBeGreaterThan(acquired.lease.fence);
});

test("joining over a live record waits for its end, replace does not", async () => {
  const { clock, process } = world();
  const [one, two] = [await process(), await process()];
  const first = await one.members.join({ id: "a", ttlMs: 2_000 }, { heartbeat: false });
  let second: NodeSession | undefined;
  const joining = two.members
    .join({ id: "a", ttlMs: 2_000 }, { heartbeat: false })
    .then((session) => (second = session));
  await clock.advance(1_900);
  expect(second).toBeUndefined();
  await expect(two.members.join({ id: "a" }, { deadline: clock.now() + 50 })).rejects.toMatchObject({
    code: "TIMEOUT",
  });
  await clock.advance(1_200);
  await joining;
  expect(second?.epoch).not.toBe(first.epoch);
  const third = await one.members.join({ id: "a" }, { replace: true });
  await expect(second?.renew()).rejects.toMatchObject({ code: "LEASE_LOST" });
  expect(third.isLive()).toBe(true);
});

test("a suspended machine ends its belief by the wall clock", async () => {
  const { clock, process } = world();
  const one = await process();
  const a = await one.members.join({ id: "a", ttlMs: 1_000 });
  const lease = await take(one, a);
  clock.suspend(1_001);
  expect(lease.isHeld()).toBe(false);
  await expect(a.renew()).rejects.toMatchObject({ code: "LEASE_LOST" });
});

test("the wall clock stepping back or forth takes nothing over early", async () => {
  const { clock, process } = world();
  const [one, two] = [await process(), await process()];
  const a = await one.members.join({ id: "a", ttlMs: 1_000 }, { heartbeat: false });
  await take(one, a);
  for (const step of [3_600_000, -7_200_000, 10_000]) {
    clock.stepWall(step);
    const b = await two.members.join({ id: `b${step}` });
    expect((await two.leases.acquire(bob, b)).ok).toBe(false);
  }
});

test("guarded data in the lease's store: a superseded grant writes nothing at all", async () => {
  const { clock, data, process } = world();
  const [one, two] = [await process(), await process()];
  const a = await one.members.join({ id: "a", ttlMs: 1_000 }, { heartbeat: false });
  const lease = await take(one, a);
  const mine = guarded(one.store, lease);
  await mine.put("state", bytes("1"));
  await mine.put("state", bytes("2"));
  expect(await mine.get("state").then(String)).toBe("2");
  await two.members.leave(a);
  const b = await two.members.join({ id: "b" });
  const theirs = guarded(two.store, await take(two, b));
  const before = data.versions;
  // Its session still believes: only the store can refuse it.
  expect(lease.isHeld()).toBe(true);
  await expect(mine.put("state", bytes("stale"))).rejects.toMatchObject({ code: "LEASE_LOST", outcome: "none" });
  expect(data.versions).toBe(before);
  expect(await theirs.get("state").then(String)).toBe("2");
  await theirs.delete("state");
  expect(await theirs.get("state")).toBeUndefined();
  await clock.advance(0);
});

test("guarded data on another store: once the newer grant has read, the older one can't write", async () => {
  const { process, clock } = world();
  const far = mapData();
  const [one, two] = [await process(), await process()];
  const farStore = (): Promise<Store> => createStore(mapDriver({ data: far, clock }), { clock });
  const a = await one.members.join({ id: "a" });
  const lease = await take(one, a);
  const mine = guarded(await farStore(), lease);
  await mine.put("x", bytes("1"));
  await two.members.leave(a);
  const b = await two.members.join({ id: "b" });
  const theirs = guarded(await farStore(), await take(two, b));
  expect(await theirs.get("x").then(String)).toBe("1");
  await expect(mine.put("x", bytes("stale"))).rejects.toMatchObject({ code: "LEASE_LOST" });
  await expect(mine.get("x")).rejects.toMatchObject({ code: "LEASE_LOST" });
  // An absent record is claimed as well: read by the newer grant as absent, it stays so for the older one.
  expect(await theirs.get("y")).toBeUndefined();
  await expect(guarded(await farStore(), lease).put("y", bytes("stale"))).rejects.toMatchObject({ code: "LEASE_LOST" });
  await theirs.put("y", bytes("new"));
  expect(await theirs.get("y").then(String)).toBe("new");
});

test("twenty racing nodes: one grant", async () => {
  const { process } = world();
  const one = await process();
  const sessions = await Promise.all(Array.from({ length: 20 }, (_, n) => one.members.join({ id: `n${n}` })));
  const answers = await Promise.all(sessions.map((session) => one.leases.acquire(bob, session)));
  const winners = answers.filter((answer) => answer.ok);
  expect(winners).toHaveLength(1);
  const holders = new Set(answers.map((answer) => (answer.ok ? answer.lease.node.key : answer.current.node.key)));
  expect(holders.size).toBe(1);
});

test("bulk forms answer each on its own", async () => {
  const { process } = world();
  const [one, two] = [await process(), await process()];
  const a = await one.members.join({ id: "a" });
  const b = await two.members.join({ id: "b" });
  await take(two, b);
  const other = { type: "Robot", key: noKey };
  const answers = await one.leases.acquireMany([bob, { type: "\ud800", key: noKey }, other], a);
  expect(answers).toMatchObject([{ ok: false }, { code: "INVALID_ARGUMENT" }, { ok: true }]);
  expect(await one.leases.lookupMany([bob, other])).toMatchObject([{ node: { key: "b" } }, { node: { key: "a" } }]);
  expect(await collect(one.leases.leasesOf("a"))).toMatchObject([{ reference: other }]);
  const ended = { id: "a", epoch: "0".repeat(32) };
  expect(await one.members.renewMany([a, ended])).toMatchObject([{ id: "a" }, { code: "LEASE_LOST" }]);
  const joined = await one.members.joinMany([{ id: "c" }, { id: "" }, { id: "d" }]);
  expect(joined).toMatchObject([{ id: "c" }, { code: "INVALID_ARGUMENT" }, { id: "d" }]);
  const updated = await one.members.updateMany([a, ended], { status: "draining" });
  expect(updated).toMatchObject([{ status: "draining" }, { code: "LEASE_LOST" }]);
});

test("freeing one's own lease or node by its directory or membership ends the belief before the request", async () => {
  const { process } = world();
  const held: unknown[] = [];
  let beliefs: () => unknown = () => undefined;
  const one = await process((driver) => ({
    ...driver,
    get: (key, options) => {
      held.push(beliefs());
      return driver.get(key, options);
    },
  }));
  const a = await one.members.join({ id: "a" });
  const lease = await take(one, a);
  beliefs = () => [lease.isHeld(), a.isLive()];
  held.length = 0;
  expect(await one.leases.releaseMany([lease])).toEqual([true]);
  expect(held).toEqual([[false, true]]);
  expect(await one.members.leaveMany([a])).toEqual([true]);
  expect(held).toEqual([
    [false, true],
    [false, false],
  ]);
});

test("the sweeper tells why a round failed, also when its lease can't be freed either", async () => {
  const { clock, process } = world();
  let broken = false;
  const one = await process((driver) => ({
    ...driver,
    put: (...args) => (broken ? Promise.reject(new StoreError("DENIED", "no puts")) : driver.put(...args)),
  }));
  const errors: string[] = [];
  const started = startSweeper({
    session: await one.members.join({ id: "a", ttlMs: 60_000 }),
    lock: one.leases,
    sweep: async () => {
      broken = true;
      throw new StoreError("UNAVAILABLE", "no sweeping");
    },
    intervalMs: 500,
    onError: ({ code }) => errors.push(code),
    clock,
  });
  await clock.advance(600);
  await started.stop();
  expect(errors).toEqual(["DENIED", "UNAVAILABLE"]);
});

test("the sweeper frees dead nodes' leases under one lease, in every namespace", async () => {
  const { clock, process } = world();
  const one = await process();
  const a = await one.members.join({ id: "a", ttlMs: 1_000 }, { heartbeat: false });
  await take(one, a);
  const runner = await one.members.join({ id: "runner", ttlMs: 5_000 });
  const sweep = async (): ReturnType<typeof one.leases.sweep> => {
    await one.members.sweep();
    return one.leases.sweep();
  };
  const errors: unknown[] = [];
  const started = startSweeper({
    session: runner,
    lock: one.leases,
    sweep,
    intervalMs: 500,
    onError: (error) => errors.push(error),
    clock,
  });
  await clock.advance(3_000);
  expect(await collect(one.leases.leases())).toEqual([]);
  expect((await one.members.nodes()).map(({ id }) => id)).toEqual(["runner"]);
  expect(await namespacesOf(one.store)).toEqual(["default"]);
  expect(errors).toEqual([]);
  await started.stop();
});

test("a view changes its version with the set and not with heartbeats", async () => {
  const { clock, process } = world();
  const one = await process();
  const a = await one.members.join({ id: "a", ttlMs: 900 });
  const stop = new AbortController();
  const views: string[][] = [];
  const watching = (async () => {
    for await (const view of one.members.watch({ signal: stop.signal })) views.push(view.nodes.map(({ id }) => id));
  })();
  await clock.advance(5_000);
  const b = await one.members.join({ id: "b" });
  await clock.advance(2_000);
  await a.leave();
  await clock.advance(2_000);
  await b.update({ status: "draining" });
  await clock.advance(2_000);
  stop.abort();
  await expect(watching).rejects.toMatchObject({ code: "ABORTED" });
  expect(views).toEqual([["a"], ["a", "b"], ["b"], ["b"]]);
});

test("weak stores are refused unless allowed", async () => {
  const driver = mapDriver();
  const weak = { ...driver, capabilities: { ...driver.capabilities, durability: "async" as const } };
  const store = await createStore(weak);
  expect(() => membership(store)).toThrow(/allowWeak/);
  const members = membership(store, { allowWeak: true });
  expect(() => directory(store, { membership: members })).toThrow(/allowWeak/);
  expect(members.namespace).toBe("default");
});
