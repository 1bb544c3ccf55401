import { endOf } from "../full-driver.ts";
import { type Faulty, faultyFull, faultyMap, isData } from "./faulty.ts";

export const clockFaults: readonly Faulty[] = [
  faultyFull("rounds a time to live down", ["D"], (driver) => ({
    put(key, value, when, options) {
      const ttlMs = options?.ttlMs;
      if (ttlMs === undefined) return driver.put(key, value, when, options);
      return driver.put(key, value, when, { ...options, ttlMs: Math.max(1_000, Math.floor(ttlMs / 1_000) * 1_000) });
    },
  })),
  faultyFull("never removes what has expired", ["D", "J"], (driver) => ({
    put: (key, value, when, options) => driver.put(key, value, when, { ...options, ttlMs: undefined }),
  })),
  faultyFull("prolongs the life of an entry by a write that it refuses", ["D"], (driver, data) => ({
    async put(key, value, when, options) {
      const answer = await driver.put(key, value, when, options);
      const slot = data.slots.get(key);
      if (!answer.ok && slot !== undefined && options?.ttlMs !== undefined) {
        data.slots.set(key, { ...slot, endsAt: endOf(data, options.ttlMs) });
      }
      return answer;
    },
  })),
  faultyFull("keeps the end of the first write over updates", ["D"], (driver, data) => ({
    async put(key, value, when, options) {
      const before = data.slots.get(key);
      const answer = await driver.put(key, value, when, options);
      const slot = data.slots.get(key);
      const alive = isData(key) && before !== undefined && before.endsAt > data.clock.now();
      if (answer.ok && alive && slot !== undefined) data.slots.set(key, { ...slot, endsAt: before.endsAt });
      return answer;
    },
  })),
  faultyFull("forgets the time to live of a commit", ["D"], ({ commit }) => ({
    async commit(checks, ops) {
      const bare = ops.map((op) =>
        op.type === "put" ? { type: op.type, key: op.key, value: op.value, when: op.when } : op,
      );
      return commit?.(checks, bare) ?? { ok: false, conflicts: [] };
    },
  })),
  faultyFull("lists what has expired", ["D"], (driver, data, shared) => ({
    async put(key, value, when, options) {
      const answer = await driver.put(key, value, when, options);
      const slot = data.slots.get(key);
      if (answer.ok && options?.ttlMs !== undefined && slot !== undefined) shared.set(key, slot);
      return answer;
    },
    async *scan(range) {
      const entries = (await Array.fromAsync(driver.scan(range))).flat();
      const dead = [...(shared as typeof data.slots)].filter(
        ([key, slot]) => key.startsWith(range.prefix) && slot.endsAt <= data.clock.now(),
      );
      yield [...entries, ...dead.map(([key, { value, version }]) => ({ key, value, version }))];
    },
  })),
  faultyFull("keeps the keys of a session that was revoked", ["D", "J"], ({ session }) => ({
    async session(ttlMs) {
      if (session === undefined) throw new Error("the full driver has sessions");
      return { ...(await session(ttlMs)), revoke: async () => undefined };
    },
  })),
  faultyMap("counts an age from the first write of a key", ["D"], (driver, { clock }, shared) => ({
    async put(key, value, when) {
      if (!shared.has(key)) shared.set(key, clock.now());
      return driver.put(key, value, when);
    },
    async get(key) {
      const entry = await driver.get(key);
      const first = shared.get(key);
      return entry && isData(key) && typeof first === "number" ? { ...entry, ageMs: clock.now() - first } : entry;
    },
  })),
  faultyMap("tells ages by a clock that is ahead", ["D"], (driver) => ({
    async get(key) {
      const entry = await driver.get(key);
      return entry && isData(key) ? { ...entry, ageMs: (entry.ageMs ?? 0) + 5_000 } : entry;
    },
  })),
  faultyMap("has ages that stand still", ["D"], (driver) => ({
    async get(key) {
      const entry = await driver.get(key);
      return entry && isData(key) ? { ...entry, ageMs: 0 } : entry;
    },
  })),
];
