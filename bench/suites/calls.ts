import { createStore, directory, guarded, membership, type Store, stringKey } from "@orbit/persistence";
import { memory } from "@orbit/persistence-memory";
import type { StoreDriver } from "@orbit/persistence/driver";
import { mapDriver } from "@orbit/persistence/testing";

import { countCalls } from "../lib/calls.ts";
import type { Calls, Measured } from "../lib/result.ts";

/** Counts the driver calls of each operation. No clock is involved: the test holds these numbers. */
export async function calls(): Promise<Measured> {
  return { calls: { ...(await storeCalls()), ...(await leaseCalls()), ...(await guardedCalls()) } };
}

const VALUE = Buffer.alloc(100, 1);
const TTL_MS = 60_000;

async function storeCalls(): Promise<Record<string, Calls>> {
  const { driver, during } = countCalls(mapDriver());
  await using store = await createStore(driver);
  const { version } = created(await store.put("key", VALUE, "absent"));
  return {
    "store: get": await during(() => store.get("key")),
    "store: put, absent": await during(() => store.put("other", VALUE, "absent")),
    "store: put under a version": await during(() => store.put("key", VALUE, { version })),
    "store: put under a stale version": await during(() => store.put("key", VALUE, { version })),
    "store: transaction of two reads and a write": await during(() =>
      store.transaction(async (transaction) => {
        await transaction.get("key");
        await transaction.get("other");
        transaction.put("key", VALUE);
      }),
    ),
  };
}

async function leaseCalls(): Promise<Record<string, Calls>> {
  const { driver, during } = countCalls(mapDriver());
  await using store = await createStore(driver);
  const { nodes, actors, node } = await cluster(store);
  const [bob, eve, tim] = ["bob", "eve", "tim"].map((name) => ({ type: "Robot", key: stringKey(name) }));
  if (bob === undefined || eve === undefined || tim === undefined) throw new Error("a name is missing");
  const acquiring = await during(() => actors.acquire(bob, node));
  const lease = acquired(await actors.acquire(eve, node));
  const own = acquired(await actors.acquire(tim, node, { ttlMs: TTL_MS }));
  const refused = directory(store, { membership: nodes });
  await using other = await nodes.join({ id: "other", ttlMs: TTL_MS }, { heartbeat: false });
  const few = await during(() => node.renew());
  for (let index = 0; index < 1000; index += 1) {
    await actors.acquire({ type: "Many", key: stringKey(String(index)) }, node);
  }
  const many = await during(() => node.renew());
  const cold = directory(store, { membership: membership(store) });
  const result: Record<string, Calls> = {
    "lookup, first of its node": await during(() => cold.lookup(bob)),
    "lookup, warm": await during(() => cold.lookup(bob)),
    "acquire, new": acquiring,
    "acquire, held by another": await during(() => refused.acquire(bob, other)),
    "renew a node that holds 3 addressables": few,
    "renew a node that holds 1,003 addressables": many,
    "renew a lease with its own ttl": await during(() => own.renew()),
    release: await during(() => lease.release()),
    "acquire, once released": await during(() => actors.acquire(eve, node)),
    "leave a node": await during(() => other.leave()),
  };
  const without = countCalls(withoutCommit(mapDriver()));
  await using uncommitted = await createStore(without.driver);
  const own1 = await cluster(uncommitted);
  result["acquire, new, without commit"] = await without.during(() => own1.actors.acquire(bob, own1.node));
  const withFences = countCalls(memory());
  await using weak = await createStore(withFences.driver);
  const own2 = await cluster(weak);
  result["acquire, new, where the driver issues fences"] = await withFences.during(() =>
    own2.actors.acquire(bob, own2.node),
  );
  await own1.node.leave();
  await own2.node.leave();
  await node.leave();
  return result;
}

/** The same driver with less to offer, as an object store has it. */
function withoutCommit(driver: StoreDriver): StoreDriver {
  const limits = { ...driver.capabilities.limits, maxCommitOps: 0 };
  const less: StoreDriver = { ...driver, capabilities: { ...driver.capabilities, commit: "none", limits } };
  delete less.commit;
  return less;
}

async function guardedCalls(): Promise<Record<string, Calls>> {
  const one = countCalls(mapDriver());
  const two = countCalls(mapDriver());
  await using store = await createStore(one.driver);
  await using far = await createStore(two.driver);
  const { actors, node } = await cluster(store);
  const lease = acquired(await actors.acquire({ type: "Robot", key: stringKey("bob") }, node));
  const [committed, claimed] = [guarded(store, lease), guarded(far, lease)];
  const result: Record<string, Calls> = {
    "guarded put beside its lease, first": await one.during(() => committed.put("state", VALUE)),
    "guarded put beside its lease": await one.during(() => committed.put("state", VALUE)),
    "guarded get beside its lease": await one.during(() => committed.get("state")),
  };
  let atLease: Calls = {};
  const both = async (work: () => Promise<unknown>): Promise<Calls> => {
    const atData = await two.during(async () => {
      atLease = await one.during(work);
    });
    return atData;
  };
  result["guarded put in another store, first"] = await both(() => claimed.put("state", VALUE));
  result["the first, at the store of the lease"] = atLease;
  result["guarded put in another store"] = await both(() => claimed.put("state", VALUE));
  result["the second, at the store of the lease"] = atLease;
  await node.leave();
  return result;
}

async function cluster(store: Store) {
  const nodes = membership(store, { allowWeak: true });
  const actors = directory(store, { membership: nodes, allowWeak: true });
  const node = await nodes.join({ id: "node", ttlMs: TTL_MS }, { heartbeat: false });
  return { nodes, actors, node };
}

function created(put: Awaited<ReturnType<Store["put"]>>) {
  if (!put.ok) throw new Error("the put was refused");
  return put;
}

function acquired(answer: Awaited<ReturnType<ReturnType<typeof directory>["acquire"]>>) {
  if (!answer.ok) throw new Error("the lease was refused");
  return answer.lease;
}
