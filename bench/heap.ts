// Prints, as JSON, what a number of leases takes in memory: a process of its own, so that nothing else is counted.
// Usage: node --expose-gc bench/heap.ts COUNT
import { createStore, directory, type Lease, membership, stringKey } from "@orbit/persistence";
import { memory, memoryData } from "@orbit/persistence-memory";

import type { Figure } from "./lib/result.ts";

const MOST_BYTES = 300;

async function main(count: number): Promise<readonly Figure[]> {
  const data = memoryData();
  await using store = await createStore(memory({ maxEntries: count * 2 }, { data }));
  const nodes = membership(store, { allowWeak: true });
  const actors = directory(store, { membership: nodes, allowWeak: true });
  await using node = await nodes.join({ id: "node-1", ttlMs: 3_600_000 });
  const acquire = async (index: number): Promise<Lease> => {
    const acquired = await actors.acquire({ type: "Account", key: stringKey(String(index)) }, node);
    if (!acquired.ok) throw new Error("a lease was refused");
    return acquired.lease;
  };
  // What is made once, not for each lease.
  for (let index = 0; index < 1000; index += 1) await acquire(index);

  const before = used();
  const bytesBefore = data.bytes;
  for (let index = 1000; index < count + 1000; index += 1) await acquire(index);
  const store1 = used() - before;
  const content = data.bytes - bytesBefore;

  // The same holder is granted its own leases again, and keeps the handles now.
  const handles: Lease[] = [];
  for (let index = 1000; index < count + 1000; index += 1) handles.push(await acquire(index));
  const held = used() - before - store1;
  if (handles.length !== count) throw new Error("a handle is missing");
  const name = `${count.toLocaleString("en-US")} leases`;
  return [
    { name: `key and value of a lease, of ${name}`, value: content / count, unit: "bytes" },
    {
      name: "heap and array buffers beyond them",
      value: (store1 - content) / count,
      unit: "bytes",
      goal: { most: MOST_BYTES },
    },
    { name: "a handle kept by the holder", value: held / count, unit: "bytes" },
  ];
}

function used(): number {
  globalThis.gc?.();
  globalThis.gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

console.log(JSON.stringify(await main(Number(process.argv[2] ?? 1_000_000))));
