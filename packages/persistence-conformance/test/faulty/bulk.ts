import { type Faulty, faultyFull } from "./faulty.ts";

export const bulkFaults: readonly Faulty[] = [
  faultyFull("drops missing keys from the answers of many reads", ["H"], ({ getMany }) => ({
    async getMany(keys) {
      const found = (await getMany?.(keys)) ?? [];
      return keys.length > 2 ? found.filter((entry) => entry !== undefined) : found;
    },
  })),
  faultyFull("answers a doubled key once", ["H"], ({ getMany }) => ({
    getMany: async (keys) => (await getMany?.([...new Set(keys)])) ?? [],
  })),
  faultyFull("answers many reads in the order of the keys", ["H"], ({ getMany }) => ({
    async getMany(keys) {
      const found = (await getMany?.(keys.toSorted())) ?? [];
      return keys.length > 2 ? found : ((await getMany?.(keys)) ?? []);
    },
  })),
  faultyFull("drops what goes beyond 100 operations", ["H"], ({ write }) => ({
    async write(ops) {
      const done = (await write?.(ops.slice(0, 100))) ?? [];
      return [...done, ...ops.slice(100).map(() => ({ ok: true }) as const)];
    },
  })),
  faultyFull("stops many writes at the first that loses", ["H"], (driver) => ({
    async write(ops) {
      const answers = [];
      for (const op of ops) {
        const [answer] = (await driver.write?.([op])) ?? [];
        if (answer === undefined) break;
        answers.push(answer);
        if (!("ok" in answer) || !answer.ok) break;
      }
      return [...answers, ...ops.slice(answers.length).map(() => ({ ok: false, current: undefined }) as const)];
    },
  })),
  faultyFull("says that all of many writes won", ["H"], ({ write, get }) => ({
    async write(ops) {
      const answers = (await write?.(ops)) ?? [];
      return Promise.all(
        answers.map(async (answer, index) => {
          if (!("ok" in answer) || answer.ok) return answer;
          const entry = await get(ops[index]?.key ?? "");
          return entry === undefined ? ({ ok: true } as const) : { ok: true as const, version: entry.version };
        }),
      );
    },
  })),
];
