import { expect, test } from "vitest";

import { createStore, directory, guarded, membership, stringKey, sweepGuarded } from "../src/index.ts";
import { manualClock, mapDriver } from "../src/testing/index.ts";

test("tombstones of guarded data go after their grace, and their holder writes on", async () => {
  const clock = manualClock();
  const store = await createStore(mapDriver({ clock }), { clock });
  const far = await createStore(mapDriver({ clock }), { clock });
  const members = membership(store);
  const node = await members.join({ id: "a", ttlMs: 600_000 }, { heartbeat: false });
  const acquired = await directory(store, { membership: members }).acquire({ type: "t", key: stringKey("k") }, node);
  if (!acquired.ok) throw new Error("refused");
  for (const at of [store, far]) {
    const data = guarded(at, acquired.lease);
    await data.put("kept", Buffer.from("1"));
    await data.put("gone", Buffer.from("1"));
    await data.delete("gone");
    expect(await sweepGuarded(at)).toMatchObject({ scanned: 2, removed: 0 });
    await clock.advance(60_002);
    expect(await sweepGuarded(at, { budget: 1 })).toMatchObject({ complete: false });
    expect((await sweepGuarded(at)).complete).toBe(true);
    expect(await sweepGuarded(at)).toMatchObject({ scanned: 1, removed: 0, complete: true });
    await data.put("gone", Buffer.from("2"));
    expect(await data.get("gone").then(String)).toBe("2");
    expect(await data.get("kept").then(String)).toBe("1");
  }
});
