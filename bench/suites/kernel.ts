import { createStore } from "@orbit/persistence";
import { memory } from "@orbit/persistence-memory";
import type { StoreDriver, Version } from "@orbit/persistence/driver";
import { mapDriver } from "@orbit/persistence/testing";

import { type Effort, type Group, measure } from "../lib/measure.ts";
import type { GroupResult, Measured } from "../lib/result.ts";
import { shuffled } from "../lib/shuffled.ts";

const KEYS = 10_000;
const VALUE = Buffer.alloc(100, 1);
const GOAL = { of: "addedMicroseconds", most: 0.7 } as const;

/** What the Store API costs beyond the driver under it. */
export async function kernel(effort: Effort): Promise<Measured> {
  const groups: GroupResult[] = [];
  for (const make of [mapDriver, memory]) {
    for (const group of await against(make)) groups.push(await measure(group, effort));
  }
  return { groups };
}

/** The same work through a store and on a driver of the same kind, each with data of its own. */
async function against(make: () => StoreDriver): Promise<readonly Group[]> {
  const [bare, under] = [make(), make()];
  await bare.open();
  const store = await createStore(under);
  const keys = shuffled(Array.from({ length: KEYS }, (_, index) => `account/${index}`));
  const driverKeys = keys.map((key) => `orbit-data-${key.replace("/", "_2f")}`);
  const [versions, driverVersions]: [Version[], Version[]] = [[], []];
  const put = async (index: number): Promise<void> => {
    const at = index % KEYS;
    const version = versions[at];
    const answer = await store.put(keys[at] ?? "", VALUE, version === undefined ? "absent" : { version });
    if (!answer.ok) throw new Error("the store refused a write");
    versions[at] = answer.version;
  };
  const driverPut = async (index: number): Promise<void> => {
    const at = index % KEYS;
    const version = driverVersions[at];
    const answer = await bare.put(driverKeys[at] ?? "", VALUE, version === undefined ? "absent" : { version });
    if (!answer.ok) throw new Error("the driver refused a write");
    driverVersions[at] = answer.version;
  };
  for (let index = 0; index < KEYS; index += 1) {
    await put(index);
    await driverPut(index);
  }
  const name = `the ${bare.name} driver`;
  const any = { accept: () => true };
  return [
    {
      title: `get over ${name}, ${KEYS.toLocaleString("en-US")} keys`,
      width: 1,
      operations: 200_000,
      contestants: [
        { name, operation: (index) => bare.get(driverKeys[index % KEYS] ?? "") },
        { name: "Store", operation: (index) => store.get(keys[index % KEYS] ?? "") },
      ],
      goals: { Store: GOAL },
    },
    {
      title: `put under a version over ${name}, ${KEYS.toLocaleString("en-US")} keys`,
      width: 1,
      operations: 100_000,
      contestants: [
        { name, operation: driverPut, ...any },
        { name: "Store", operation: put, ...any },
      ],
    },
  ];
}
