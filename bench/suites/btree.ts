import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { createStore, directory, guarded, membership, stringKey } from "@orbit/persistence";
import { btree } from "@orbit/persistence-btree";
import type { Version } from "@orbit/persistence/driver";
import { open } from "lmdb";

import { type Effort, measure } from "../lib/measure.ts";
import type { GroupResult, Measured } from "../lib/result.ts";
import { shuffled } from "../lib/shuffled.ts";

const KEYS = 10_000;
const VALUE = Buffer.alloc(100, 1);
const any = { accept: () => true };

/** Durable conditional writes, and reads, against the library underneath with the same durability. */
export async function btreeWrites(effort: Effort): Promise<Measured> {
  const folder = mkdtempSync(join(tmpdir(), "orbit-bench-"));
  try {
    return { groups: await inFolder(folder, effort) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function inFolder(folder: string, effort: Effort): Promise<readonly GroupResult[]> {
  const keys = shuffled(Array.from({ length: KEYS }, (_, index) => `account-${index}`));
  // As the driver has it: what is acknowledged has been flushed.
  const settings = { useVersions: true, encoding: "binary", overlappingSync: false, cache: false } as const;
  const bare = open<Buffer, string>({ path: join(folder, "bare"), ...settings });
  await using store = await createStore(btree({ path: join(folder, "ours") }));
  const nodes = membership(store);
  await using node = await nodes.join({ id: "node-1", ttlMs: 3_600_000 });
  const acquired = await directory(store, { membership: nodes }).acquire({ type: "Bank", key: stringKey("one") }, node);
  if (!acquired.ok) throw new Error("the lease was refused");
  const data = guarded(store, acquired.lease);

  const bareVersions = new Float64Array(KEYS);
  const versions: Version[] = [];
  const barePut = async (index: number): Promise<void> => {
    const at = index % KEYS;
    const version = bareVersions[at] ?? 0;
    const done = await bare.put(keys[at] ?? "", VALUE, version + 1, version === 0 ? undefined : version);
    if (!done) throw new Error("lmdb refused a write");
    bareVersions[at] = version + 1;
  };
  const put = async (index: number): Promise<void> => {
    const at = index % KEYS;
    const version = versions[at];
    const answer = await store.put(keys[at] ?? "", VALUE, version === undefined ? "absent" : { version });
    if (!answer.ok) throw new Error("the store refused a write");
    versions[at] = answer.version;
  };
  const everyKey = Array.from({ length: KEYS }, (_, index) => index);
  for (const fill of [barePut, put, (index: number) => data.put(keys[index] ?? "", VALUE)]) {
    await Promise.all(everyKey.map(fill));
  }

  const results: GroupResult[] = [];
  for (const [width, operations] of [
    [1, 400],
    [64, 10_000],
    [1024, 40_000],
  ] as const) {
    const group = {
      title: "durable write under a version",
      width,
      operations,
      contestants: [
        { name: "lmdb put with ifVersion", operation: barePut, ...any },
        { name: "Store.put under a version", operation: put, ...any },
        {
          name: "guarded put under a lease",
          operation: (index: number) => data.put(keys[index % KEYS] ?? "", VALUE),
          ...any,
        },
      ],
      goals: { "Store.put under a version": { of: "ratio", least: 0.9 } },
    } as const;
    results.push(await measure(group, effort));
  }
  const reads = {
    title: "read",
    width: 1,
    operations: 200_000,
    contestants: [
      { name: "lmdb get, awaited", operation: async (index: number) => bare.get(keys[index % KEYS] ?? "") },
      { name: "Store.get", operation: (index: number) => store.get(keys[index % KEYS] ?? "") },
      { name: "guarded get under a lease", operation: (index: number) => data.get(keys[index % KEYS] ?? "") },
    ],
    goals: { "Store.get": { of: "ratio", least: 0.4 } },
  } as const;
  results.push(await measure(reads, effort));
  await bare.close();
  return results;
}
