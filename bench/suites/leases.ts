import { execFileSync } from "node:child_process";
import { join } from "node:path";

import { createStore, directory, membership, stringKey } from "@orbit/persistence";
import { memory } from "@orbit/persistence-memory";

import { type Effort, type Group, measure } from "../lib/measure.ts";
import type { Figure, GroupResult, Measured } from "../lib/result.ts";
import { shuffled } from "../lib/shuffled.ts";

const TTL_MS = 3_600_000;

interface BareLease {
  readonly node: string;
  readonly epoch: string;
  readonly fence: bigint;
}

/** Lookup and acquire on one core, and what a million leases take in memory. */
export async function leases(effort: Effort): Promise<Measured> {
  const groups: GroupResult[] = [];
  for (const standing of [10_000, Math.ceil(1_000_000 / effort.divisor)]) {
    groups.push(...(await speeds(standing, effort)));
  }
  return { groups, figures: heap(Math.ceil(1_000_000 / effort.divisor)) };
}

async function speeds(standing: number, effort: Effort): Promise<readonly GroupResult[]> {
  const driver = memory({ maxEntries: standing * 3 });
  await using store = await createStore(driver);
  const nodes = membership(store, { allowWeak: true });
  const actors = directory(store, { membership: nodes, allowWeak: true });
  await using node = await nodes.join({ id: "node-1", ttlMs: TTL_MS });

  const map = new Map<string, BareLease>();
  const bare = {
    get: async (key: string): Promise<BareLease | undefined> => map.get(key),
    set: async (key: string, lease: BareLease): Promise<void> => {
      map.set(key, lease);
    },
  };
  const grant = (): BareLease => ({ node: node.id, epoch: node.epoch, fence: BigInt(map.size) });
  for (let index = 0; index < standing; index += 1) {
    await bare.set(`standing/${index}`, grant());
    await actors.acquire(reference("standing", index), node);
  }
  const order = shuffled(Array.from({ length: standing }, (_, index) => index));
  const keys = order.map((index) => `standing/${index}`);
  const references = order.map((index) => reference("standing", index));

  const operations = Math.min(standing, 20_000);
  const fresh = Array.from({ length: operations * (effort.warmUps + effort.rounds) }, (_, index) => index);
  const freshReferences = fresh.map((index) => reference("fresh", index));
  const title = `${standing.toLocaleString("en-US")} leases`;
  const lookup: Group = {
    title: `lookup among ${title}`,
    width: 1,
    operations: 200_000,
    contestants: [
      {
        name: "async Map.get, its key made of the reference",
        operation: (index) => {
          const { type, key } = references[index % standing] ?? reference("none", 0);
          return bare.get(`${type}/${key.kind === "string" ? key.value : ""}`);
        },
      },
      {
        name: "async Map.get, with a key made beforehand",
        operation: (index) => bare.get(keys[index % standing] ?? ""),
      },
      {
        name: "lookup",
        operation: (index) => actors.lookup(references[index % standing] ?? reference("none", 0)),
      },
    ],
    goals: { lookup: { of: "ratio", least: 0.4 } },
  };
  const acquire: Group = {
    title: `acquire of new ones beside ${title}`,
    width: 1,
    operations: operations * effort.divisor,
    contestants: [
      {
        name: "async Map.get, then set",
        operation: async (index) => {
          const { type, key: name } = freshReferences[index] ?? reference("none", 0);
          const key = `${type}/${name.kind === "string" ? name.value : ""}`;
          if ((await bare.get(key)) !== undefined) throw new Error("it is taken");
          await bare.set(key, grant());
        },
        accept: () => true,
        restore: async () => {
          for (const index of fresh) map.delete(`fresh/${index}`);
        },
      },
      {
        name: "acquire",
        operation: (index) => actors.acquire(freshReferences[index] ?? reference("none", 0), node),
        accept: (answer) => (answer as { readonly ok: boolean }).ok,
        restore: async () => {
          // As they were never there: a release would leave tombstones behind.
          for await (const page of driver.scan({ prefix: "orbit-lease-default-fresh-", keysOnly: true })) {
            for (const { key } of page) await driver.delete(key, "always");
          }
        },
      },
    ],
    goals: { acquire: { of: "ratio", least: 0.2 } },
  };
  return [await measure(lookup, effort), await measure(acquire, effort)];
}

function heap(count: number): readonly Figure[] {
  const child = join(import.meta.dirname, "..", "heap.ts");
  return JSON.parse(
    execFileSync(process.execPath, ["--expose-gc", child, String(count)], { encoding: "utf8" }),
  ) as Figure[];
}

function reference(type: string, index: number) {
  return { type, key: stringKey(String(index)) };
}
