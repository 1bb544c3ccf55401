import { createStore, directory, guarded, membership, stringKey } from "@orbit/persistence";
import { btree } from "@orbit/persistence-btree";

await using store = await createStore(btree({ path: "./data" }));
const nodes = membership(store);
const actors = directory(store, { membership: nodes });

await using node = await nodes.join({ id: "node-1", url: "http://10.0.0.1:8080" });
const acquired = await actors.acquire({ type: "Account", key: stringKey("alice") }, node);
if (acquired.ok) {
  const state = guarded(store, acquired.lease);
  await state.put("balance", new TextEncoder().encode("100")); // refused once a newer grant has taken over
  await acquired.lease.release();
}
