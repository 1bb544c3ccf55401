// Holds an addressable, blocks its event loop for two ttls, and then goes on as if nothing had happened.
import { subscribe } from "node:diagnostics_channel";

import {
  createStore,
  directory,
  guarded,
  membership,
  type StallEvent,
  StoreError,
  stringKey,
} from "@orbit/persistence";
import { btree } from "@orbit/persistence-btree";

const [path = ""] = process.argv.slice(2);
const ttlMs = 300;
const say = (fact: object): void => console.log(JSON.stringify(fact));

await using store = await createStore(btree({ path }));
const nodes = membership(store);
const actors = directory(store, { membership: nodes });
const bob = { type: "Robot", key: stringKey("bob") };

const stalled = new Promise<StallEvent>((resolve) => {
  subscribe("orbit.stall", (event) => resolve(event as StallEvent));
});
const blocked = await nodes.join({ id: "blocked", ttlMs });
const acquired = await actors.acquire(bob, blocked);
if (!acquired.ok) throw new Error("refused");
const data = guarded(store, acquired.lease);
await data.put("state", Buffer.from("before"));

Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2 * ttlMs);

try {
  await data.put("state", Buffer.from("after"));
  say({ write: "accepted" });
} catch (error) {
  say({ write: StoreError.is(error) ? error.code : String(error) });
}
const { node, lateMs } = await stalled;
say({ stall: node.key, late: lateMs > ttlMs / 3 });
await using other = await nodes.join({ id: "other" });
const taken = await actors.acquire(bob, other);
say({ takenOver: taken.ok, higher: taken.ok && taken.lease.fence > acquired.lease.fence });
if (taken.ok)
  say({
    state: String(
      await guarded(store, taken.lease)
        .get("state")
        .then((value) => Buffer.from(value ?? [])),
    ),
  });
