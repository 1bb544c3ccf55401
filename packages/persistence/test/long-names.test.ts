import { expect, test } from "vitest";

import { createStore, directory, membership, stringKey } from "../src/index.ts";
import { mapData, mapDriver } from "../src/testing/index.ts";

test("names of nodes and addressables over the limit are refused before anything is written", async () => {
  const data = mapData();
  await using store = await createStore(mapDriver({ data }));
  const nodes = membership(store);
  const actors = directory(store, { membership: nodes });
  const named = (letters: number) => ({ type: "Robot", key: stringKey("x".repeat(letters)) });
  await using node = await nodes.join({ id: "n".repeat(60_000) }, { heartbeat: false });
  expect(await actors.acquire(named(60_000), node)).toMatchObject({ ok: true });

  const before = [...data.slots.keys()];
  const tooLarge = { code: "TOO_LARGE", outcome: "none" };
  await expect(nodes.join({ id: "n".repeat(66_000) })).rejects.toMatchObject(tooLarge);
  await expect(actors.acquire(named(66_000), node)).rejects.toMatchObject(tooLarge);
  await expect(actors.lookup(named(66_000))).rejects.toMatchObject(tooLarge);
  const [good, bad] = await actors.acquireMany([named(1), named(66_000)], node);
  expect(good).toMatchObject({ ok: true });
  expect(bad).toMatchObject(tooLarge);
  expect([...data.slots.keys()]).toHaveLength(before.length + 1);
});
