import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { btree } from "@orbit/persistence-btree";
import { ClassicLevel } from "classic-level";
import { createDatabase } from "db0";
import nodeSqlite from "db0/connectors/node-sqlite";
import Keyv, { KeyvBridgeAdapter } from "keyv";
import { createStorage } from "unstorage";
import db0Driver from "unstorage/drivers/db0";

import { type Effort, measure } from "../lib/measure.ts";
import type { GroupResult, Measured } from "../lib/result.ts";
import { ours, peer, PEER_KEYS } from "./peers.ts";

/** Guarded durable writes and reads, against libraries that one might take instead. All flush before they answer. */
export async function btreePeers(effort: Effort): Promise<Measured> {
  const folder = mkdtempSync(join(tmpdir(), "orbit-bench-"));
  try {
    return { groups: await inFolder(folder, effort) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function inFolder(folder: string, effort: Effort): Promise<readonly GroupResult[]> {
  await using own = await ours("Orbit, btree", btree({ path: join(folder, "ours") }));
  const sync = { sync: true };
  const level = new ClassicLevel<string, Uint8Array>(join(folder, "level"), { valueEncoding: "view" });
  const under = new ClassicLevel<string, string>(join(folder, "keyv"));
  const keyv = new Keyv<Buffer>({
    store: new KeyvBridgeAdapter({
      get: (key: string) => under.get(key),
      set: (key: string, value: string) => under.put(key, value, sync),
      delete: async (key: string) => {
        await under.del(key, sync);
        return true;
      },
      clear: () => under.clear(),
    }),
  });
  const database = createDatabase(nodeSqlite({ path: join(folder, "unstorage.sqlite") }));
  const unstorage = createStorage<Uint8Array>({ driver: db0Driver({ database }) });
  const entrants = [
    own,
    await peer("abstract-level, classic-level", {
      get: (key) => level.get(key),
      set: (key, value) => level.put(key, value, sync),
    }),
    await peer("keyv, over classic-level", { get: (key) => keyv.get(key), set: (key, value) => keyv.set(key, value) }),
    await peer("unstorage, db0 over node:sqlite", {
      get: async (key) => (await unstorage.getItemRaw<Uint8Array>(key)) ?? undefined,
      set: (key, value) => unstorage.setItemRaw(key, value),
    }),
  ];
  const title = `${PEER_KEYS.toLocaleString("en-US")} keys`;
  const writes = entrants.map(({ write }) => write);
  const reads = entrants.map(({ read }) => read);
  const results: GroupResult[] = [];
  for (const [width, operations] of [
    [1, 300],
    [64, 2_000],
  ] as const) {
    results.push(
      await measure(
        { title: `durable write under a version, ${title}`, width, operations, contestants: writes },
        effort,
      ),
    );
  }
  results.push(await measure({ title: `read, ${title}`, width: 1, operations: 20_000, contestants: reads }, effort));
  await Promise.all([level.close(), under.close()]);
  await database.dispose();
  return results;
}
