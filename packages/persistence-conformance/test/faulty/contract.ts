import type { Cursor } from "@orbit/persistence";
import { StoreError } from "@orbit/persistence/driver";

import { type Faulty, faultyFull, faultyMap } from "./faulty.ts";

export const contractFaults: readonly Faulty[] = [
  faultyMap("fails when it is closed a second time", ["A"], () => {
    let closed = false;
    return {
      async close() {
        if (closed) throw new StoreError("INTERNAL", "closed twice");
        closed = true;
      },
    };
  }),
  faultyMap("fails when it is opened a second time", ["A"], () => {
    let open = false;
    return {
      async open() {
        if (open) throw new StoreError("INTERNAL", "opened twice");
        open = true;
      },
    };
  }),
  faultyMap("shuts the backend for all when one instance closes", ["A"], (driver, _data, shared) => ({
    async close() {
      shared.set("shut", true);
    },
    async open() {
      shared.delete("shut");
    },
    async get(key) {
      if (shared.has("shut")) throw new StoreError("CLOSED", "shut");
      return driver.get(key);
    },
  })),
  faultyMap("can't be opened by three at once", ["A"], (_driver, _data, shared) => {
    const opening = (change: number): number => {
      const count = ((shared.get("opening") as number | undefined) ?? 0) + change;
      shared.set("opening", count);
      return count;
    };
    return {
      async open() {
        const count = opening(1);
        await new Promise((resolve) => setImmediate(resolve));
        opening(-1);
        if (count > 1) throw new StoreError("INTERNAL", "the schema exists already");
      },
    };
  }),
  faultyMap("declares a limit that is no whole number", ["A"], ({ capabilities }) => ({
    capabilities: { ...capabilities, limits: { ...capabilities.limits, maxValueBytes: 2 ** 20 + 0.5 } },
  })),
  faultyMap("promises fences that its durability can't carry", ["A"], ({ capabilities }) => ({
    capabilities: { ...capabilities, consistency: "leader-async" },
  })),
  faultyMap("declares more operations a commit than it takes", ["A"], ({ commit }) => ({
    async commit(checks, ops) {
      if (checks.length + ops.length > 100) throw new StoreError("TOO_LARGE", "too many operations");
      return commit?.(checks, ops) ?? { ok: false, conflicts: [] };
    },
  })),
  faultyMap("declares a larger value than it keeps", ["A"], ({ put }) => ({
    async put(key, value, when) {
      if (value.length >= 1 << 20) throw new StoreError("TOO_LARGE", "too large");
      return put(key, value, when);
    },
  })),
  faultyFull("issues the same fence to two instances", ["A"], () => {
    let last = 0n;
    return {
      async nextFence(above) {
        last = (above > last ? above : last) + 1n;
        return last;
      },
    };
  }),
  faultyFull("starts a watch with a change", ["A", "J"], ({ watch }) => ({
    async *watch(range, options) {
      if (watch === undefined) return;
      yield [{ type: "delete", key: `${range.prefix}x`, cursor: "0" as Cursor }];
      yield* watch(range, options);
    },
  })),
  faultyFull("grants shorter sessions than asked for", ["A"], ({ session }) => ({
    async session(ttlMs) {
      if (session === undefined) throw new StoreError("UNSUPPORTED", "no sessions");
      const granted = await session(ttlMs / 4);
      return { ...granted, ttlMs: ttlMs / 4 };
    },
  })),
];
