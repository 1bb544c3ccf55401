import { memory } from "@orbit/persistence-memory";
import Keyv from "keyv";
import { MemoryLevel } from "memory-level";
import { createStorage } from "unstorage";

import { type Effort, measure } from "../lib/measure.ts";
import type { Measured } from "../lib/result.ts";
import { ours, peer, PEER_KEYS } from "./peers.ts";

/** Guarded writes and reads in memory, against libraries that one might take instead. */
export async function memoryPeers(effort: Effort): Promise<Measured> {
  await using own = await ours("Orbit, memory", memory());
  // Without serialization: the fastest that it offers.
  const keyv = new Keyv<Uint8Array>({ serialization: false });
  const unstorage = createStorage<Uint8Array>();
  const level = new MemoryLevel<string, Uint8Array>({ valueEncoding: "view" });
  const entrants = [
    own,
    await peer("keyv, memory", {
      get: (key) => keyv.get(key),
      set: (key, value) => keyv.set(key, value),
      handsOutItsOwn: true,
    }),
    await peer("unstorage, memory", {
      get: async (key) => (await unstorage.getItemRaw<Uint8Array>(key)) ?? undefined,
      set: (key, value) => unstorage.setItemRaw(key, value),
      handsOutItsOwn: true,
    }),
    await peer("abstract-level, memory-level", {
      get: (key) => level.get(key),
      set: (key, value) => level.put(key, value),
      handsOutItsOwn: true,
    }),
  ];
  const title = `${PEER_KEYS.toLocaleString("en-US")} keys`;
  const writes = entrants.map(({ write }) => write);
  const reads = entrants.map(({ read }) => read);
  const groups = [
    await measure(
      { title: `write under a version, ${title}`, width: 1, operations: 50_000, contestants: writes },
      effort,
    ),
    await measure(
      { title: `write under a version, ${title}`, width: 64, operations: 50_000, contestants: writes },
      effort,
    ),
    await measure({ title: `read, ${title}`, width: 1, operations: 50_000, contestants: reads }, effort),
  ];
  await level.close();
  return { groups };
}
