import { type Capabilities, CONTRACT } from "../contract/capabilities.ts";
import type { StoreDriver } from "../contract/driver.ts";
import type { Commit, Conflict, Delete, Entry, Put, Version, When, WriteOp } from "../contract/entry.ts";
import { type Clock, systemClock } from "../runtime/clock.ts";

interface Slot {
  readonly value: Uint8Array;
  readonly version: Version;
  readonly writtenAt: number;
}

/** The data of a {@link mapDriver}; drivers that share one are instances over the same backend. */
export interface MapData {
  readonly slots: Map<string, Slot>;
  versions: number;
}

export function mapData(): MapData {
  return { slots: new Map(), versions: 0 };
}

export const mapCapabilities: Capabilities = {
  consistency: "linearizable",
  durability: "disk",
  scope: "process",
  clock: "server-age",
  fencing: "total",
  commit: "serializable",
  partitions: 1,
  watch: "none",
  conditionalDelete: true,
  getMany: false,
  write: false,
  session: false,
  fences: false,
  limits: { maxKeyBytes: 1024, maxValueBytes: 1 << 20, maxCommitOps: 128, ttlGranularityMs: 1, clockSkewMs: 0 },
};

/**
 * The smallest driver that keeps the whole contract: a Map. Tests stand on it and faulty stores are made from it. It
 * claims durability so that leases accept it; what it holds is gone with the process.
 */
export function mapDriver(options: { readonly data?: MapData; readonly clock?: Clock } = {}): StoreDriver {
  const data = options.data ?? mapData();
  const clock = options.clock ?? systemClock;
  const read = (key: string): Entry | undefined => {
    const slot = data.slots.get(key);
    return slot && { key, value: slot.value, version: slot.version, ageMs: clock.now() - slot.writtenAt };
  };
  const holds = (key: string, when: When): boolean =>
    when === "always" || (when === "absent" ? !data.slots.has(key) : data.slots.get(key)?.version === when.version);
  const conflict = (key: string): Conflict => ({ ok: false, current: read(key) });
  const write = (op: WriteOp): Version | undefined => {
    if (op.type === "delete") {
      data.slots.delete(op.key);
      return undefined;
    }
    const version = String(++data.versions) as Version;
    data.slots.set(op.key, { value: Buffer.from(op.value), version, writtenAt: clock.now() });
    return version;
  };
  return {
    name: "map",
    contract: CONTRACT,
    capabilities: mapCapabilities,
    open: async () => undefined,
    close: async () => undefined,
    get: async (key) => read(key),
    async put(key, value, when): Promise<Put> {
      if (!holds(key, when)) return conflict(key);
      return { ok: true, version: write({ type: "put", key, value, when }) as Version };
    },
    async delete(key, when): Promise<Delete> {
      if (!holds(key, when)) return conflict(key);
      write({ type: "delete", key, when });
      return { ok: true };
    },
    async *scan({ prefix, after, limit }) {
      const keys = [...data.slots.keys()].filter(
        (key) => key.startsWith(prefix) && (after === undefined || key > after),
      );
      const entries = keys
        .sort((a, b) => (a < b ? -1 : 1))
        .slice(0, limit)
        .map(read);
      yield entries.filter((entry) => entry !== undefined);
    },
    health: async () => ({ status: "healthy", latencyMs: 0 }),
    async commit(checks, ops): Promise<Commit> {
      const failed = [...checks, ...ops].filter(({ key, when }) => !holds(key, when)).map(({ key }) => key);
      if (failed.length > 0) return { ok: false, conflicts: failed.map((key) => ({ key, current: read(key) })) };
      return { ok: true, versions: ops.map(write) };
    },
  };
}
