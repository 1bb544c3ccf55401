import type { Entry, StoreDriver, Version } from "@orbit/persistence/driver";

import { type Fault, type Faulty, faultyFull, faultyMap } from "./faulty.ts";

const pause = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const isOf = (kind: string): ((key: string) => boolean) => {
  const mark = `-${kind}-`;
  return (key) => key.includes(mark);
};
const isLease = isOf("lease");
const isNode = isOf("node");
const isState = isOf("state");
const isFloor = isOf("floor");

/** Faults that only records of one kind meet: the laws of plain data do not see them. */
const only = (
  concerns: (key: string) => boolean,
  sound: StoreDriver,
  faulty: Pick<Partial<StoreDriver>, "get" | "put" | "delete">,
): Partial<StoreDriver> => ({
  get: (key, options) => (concerns(key) ? (faulty.get ?? sound.get) : sound.get)(key, options),
  put: (key, value, when, options) =>
    (concerns(key) ? (faulty.put ?? sound.put) : sound.put)(key, value, when, options),
  delete: (key, when, options) => (concerns(key) ? (faulty.delete ?? sound.delete) : sound.delete)(key, when, options),
});

/** The same driver, on which a lease and its floor can't be written and checked together. */
const withoutCommit = ({ capabilities }: StoreDriver): Fault => ({
  capabilities: { ...capabilities, commit: "none", limits: { ...capabilities.limits, maxCommitOps: 0 } },
  commit: undefined,
});

/** Writes whatever the condition says, if something else than the condition allows. */
const blindly = (sound: StoreDriver, when: "absent" | "version"): Pick<StoreDriver, "put"> => ({
  put: (key, value, condition, options) =>
    sound.put(key, value, (condition === "absent") === (when === "absent") ? "always" : condition, options),
});

/** After a write the next reads of its key show what was there before. */
const lagging = (sound: StoreDriver, shared: Map<string, unknown>): Pick<StoreDriver, "get" | "put"> => ({
  async get(key) {
    const late = shared.get(key) as { before: Entry | undefined; reads: number } | undefined;
    return late !== undefined && late.reads-- > 0 ? late.before : sound.get(key);
  },
  async put(key, value, when, options) {
    const before = await sound.get(key);
    const answer = await sound.put(key, value, when, options);
    if (answer.ok) shared.set(key, { before, reads: 2 });
    return answer;
  },
});

export const leaseFaults: readonly Faulty[] = [
  faultyFull("grants a lease over another's, because creates are blind", ["C"], (driver) => ({
    ...only(isLease, driver, blindly(driver, "absent")),
    commit: async (checks, ops) =>
      (await driver.commit?.(
        checks,
        ops.map((op) => (isLease(op.key) && op.when === "absent" ? { ...op, when: "always" } : op)),
      )) ?? { ok: false, conflicts: [] },
  })),
  faultyFull("takes a lease over under a version that is stale", ["C"], (driver) =>
    only(isLease, driver, blindly(driver, "version")),
  ),
  faultyFull("reads before it writes, so that two nodes that ask at once are both granted", ["C"], (driver) =>
    only(isLease, driver, {
      async put(key, value, when, options) {
        const current = await driver.get(key);
        const holds =
          when === "always" || (when === "absent" ? current === undefined : current?.version === when.version);
        if (!holds) return { ok: false, current };
        await pause();
        return driver.put(key, value, "always", options);
      },
    }),
  ),
  faultyFull("shows leases as they were before the last write", ["C"], (driver, _data, shared) =>
    only(isLease, driver, lagging(driver, shared)),
  ),
  faultyFull("removes a lease that a sweep did not read", ["C"], (driver) =>
    only(isLease, driver, { delete: (key, _when, options) => driver.delete(key, "always", options) }),
  ),
  faultyMap("loses the floor that a sweep raised, so that fences fall", ["C"], (driver) =>
    only(isFloor, driver, {
      put: async (_key, _value, _when) => ({ ok: true, version: "lost" as Version }),
    }),
  ),
  faultyMap("shows the floor as it was at the first read", ["C"], (driver, _data, shared) => ({
    ...withoutCommit(driver),
    ...only(isFloor, driver, {
      async get(key) {
        if (!shared.has(key)) shared.set(key, await driver.get(key));
        return shared.get(key) as Entry | undefined;
      },
    }),
  })),
  faultyMap("commits a grant though its floor was raised meanwhile", ["C"], ({ commit }) => ({
    commit: async (checks, ops) =>
      (await commit?.(
        checks.filter(({ key }) => !isFloor(key)),
        ops,
      )) ?? { ok: false, conflicts: [] },
  })),
  faultyMap("lets a superseded grant write guarded data, because it does not check the lease", ["C"], ({ commit }) => ({
    commit: async (checks, ops) =>
      (await commit?.(
        checks.filter(({ key }) => !isLease(key)),
        ops,
      )) ?? { ok: false, conflicts: [] },
  })),
  faultyMap("checks the lease before the commit and not at it", ["C"], ({ commit }) => ({
    async commit(checks, ops) {
      const early = checks.filter(({ key }) => isLease(key));
      const checked = early.length === 0 ? undefined : await commit?.(early, []);
      if (checked?.ok === false) return checked;
      if (early.length > 0) for (let turn = 0; turn < 20; turn += 1) await pause();
      const rest = checks.filter(({ key }) => !isLease(key));
      return (await commit?.(rest, ops)) ?? { ok: false, conflicts: [] };
    },
  })),
  faultyMap("lets a write through that was claimed by a newer grant", ["C"], (driver) =>
    only(isState, driver, blindly(driver, "version")),
  ),
  faultyMap("creates guarded records blindly", ["C"], (driver) => only(isState, driver, blindly(driver, "absent"))),
  faultyMap("loses guarded records that it acknowledged", ["C"], (driver, data) =>
    only(isState, driver, {
      async put(key, value, when, options) {
        const before = data.slots.get(key);
        const answer = await driver.put(key, value, when, options);
        const slot = data.slots.get(key);
        if (answer.ok && before !== undefined && slot !== undefined)
          data.slots.set(key, { ...slot, value: before.value });
        return answer;
      },
    }),
  ),
  faultyMap("lists leases in part", ["C"], (driver) => ({
    async *scan(range) {
      const entries = (await Array.fromAsync(driver.scan(range))).flat();
      yield isLease(range.prefix) ? entries.slice(0, 7) : entries;
    },
  })),
  faultyMap("lets a life that has ended come back", ["E", "C"], (driver) =>
    only(isNode, driver, blindly(driver, "version")),
  ),
  faultyMap("lets two nodes join under one id", ["E"], (driver) =>
    only(isNode, driver, {
      async put(key, value, when, options) {
        const current = await driver.get(key);
        if (when === "absent" && current !== undefined) return { ok: false, current };
        if (when === "absent") await pause();
        return driver.put(key, value, when === "absent" ? "always" : when, options);
      },
    }),
  ),
  faultyMap("lists nodes in part", ["E"], (driver) => ({
    async *scan(range) {
      const entries = (await Array.fromAsync(driver.scan(range))).flat();
      yield isNode(range.prefix) ? entries.slice(0, 40) : entries;
    },
  })),
  faultyMap("removes nodes that a sweep did not read", ["E"], (driver) =>
    only(isNode, driver, { delete: async (key) => driver.delete(key, "always") }),
  ),
  faultyFull("ends nodes early", ["C", "E"], (driver) =>
    only(isNode, driver, {
      put: (key, value, when, options) =>
        driver.put(key, value, when, { ...options, ttlMs: options?.ttlMs && options.ttlMs / 4 }),
    }),
  ),
];
