import type { Change, Cursor, Delete, Put, Resync, Session, Version, WriteOp } from "@orbit/persistence";
import {
  type Capabilities,
  CONTRACT,
  type Entry,
  type StoreDriver,
  StoreError,
  type When,
} from "@orbit/persistence/driver";
import { type ManualClock, manualClock, mapCapabilities } from "@orbit/persistence/testing";

interface Slot {
  readonly value: Uint8Array;
  readonly version: Version;
  readonly endsAt: number;
  readonly session: string | undefined;
}

/** The backend under drivers that have every capability. Its time is a manual clock. */
export interface FullData {
  readonly clock: ManualClock;
  readonly slots: Map<string, Slot>;
  readonly sessions: Map<string, number>;
  readonly log: Change[];
  versions: number;
  fences: bigint;
  changed: PromiseWithResolvers<void>;
}

export function fullData(): FullData {
  return {
    clock: manualClock(),
    slots: new Map(),
    sessions: new Map(),
    log: [],
    versions: 0,
    fences: 0n,
    changed: Promise.withResolvers(),
  };
}

const GRANULARITY_MS = 1_000;

export const fullCapabilities: Capabilities = {
  ...mapCapabilities,
  clock: "server-ttl",
  watch: "resumable",
  getMany: true,
  write: true,
  session: true,
  fences: true,
  limits: { ...mapCapabilities.limits, ttlGranularityMs: GRANULARITY_MS },
};

/** The time to live as the backend keeps it: rounded up. */
export function endOf(data: FullData, ttlMs: number | undefined): number {
  if (ttlMs === undefined) return Infinity;
  return data.clock.now() + Math.ceil(ttlMs / GRANULARITY_MS) * GRANULARITY_MS;
}

/** A driver with every capability, beside the few that `mapDriver` has. */
export function fullDriver(data: FullData): StoreDriver {
  const note = (change: Change): void => {
    data.log.push(change);
    data.changed.resolve();
    data.changed = Promise.withResolvers();
  };
  const cursor = (): Cursor => String(data.log.length + 1) as Cursor;
  const slot = (key: string): Slot | undefined => {
    const found = data.slots.get(key);
    if (found === undefined) return undefined;
    const sessionEnd = found.session === undefined ? Infinity : (data.sessions.get(found.session) ?? 0);
    if (Math.min(found.endsAt, sessionEnd) > data.clock.now()) return found;
    data.slots.delete(key);
    note({ type: "delete", key, cursor: cursor() });
    return undefined;
  };
  const read = (key: string): Entry | undefined => {
    const found = slot(key);
    return found && { key, value: found.value, version: found.version };
  };
  const holds = (key: string, when: When): boolean =>
    when === "always" || (when === "absent" ? slot(key) === undefined : slot(key)?.version === when.version);
  const apply = (op: WriteOp, session?: string): Version | undefined => {
    if (op.type === "delete") {
      data.slots.delete(op.key);
      note({ type: "delete", key: op.key, cursor: cursor() });
      return undefined;
    }
    const version = `v${(data.versions += 1)}` as Version;
    const value = Buffer.from(op.value);
    data.slots.set(op.key, { value, version, endsAt: endOf(data, op.ttlMs), session });
    note({ type: "put", entry: { key: op.key, value, version }, cursor: cursor() });
    return version;
  };
  const write = (op: WriteOp, session?: string): Put | Delete => {
    if (!holds(op.key, op.when)) return { ok: false, current: read(op.key) };
    const version = apply(op, session);
    return version === undefined ? { ok: true } : { ok: true, version };
  };
  return {
    name: "full",
    contract: CONTRACT,
    capabilities: fullCapabilities,
    open: async () => undefined,
    close: async () => undefined,
    get: async (key) => read(key),
    put: async (key, value, when, options) => {
      const { ttlMs, session } = options ?? {};
      return write({ type: "put", key, value, when, ...(ttlMs !== undefined && { ttlMs }) }, session?.id) as Put;
    },
    delete: async (key, when) => write({ type: "delete", key, when }),
    async *scan({ prefix, after, limit }) {
      const keys = [...data.slots.keys()].filter(
        (key) => key.startsWith(prefix) && (after === undefined || key > after),
      );
      const entries = keys.sort((a, b) => (a < b ? -1 : 1)).map(read);
      const live = entries.filter((entry) => entry !== undefined).slice(0, limit);
      for (let start = 0; start < live.length; start += 100) yield live.slice(start, start + 100);
    },
    health: async () => ({ status: "healthy", latencyMs: 0 }),
    getMany: async (keys) => keys.map(read),
    write: async (ops) => ops.map((op) => write(op)),
    async commit(checks, ops) {
      const failed = [...checks, ...ops].filter(({ key, when }) => !holds(key, when)).map(({ key }) => key);
      if (failed.length > 0) return { ok: false, conflicts: failed.map((key) => ({ key, current: read(key) })) };
      return { ok: true, versions: ops.map((op) => apply(op)) };
    },
    async *watch({ prefix, from }, options) {
      const aborted = Promise.withResolvers<never>();
      aborted.promise.catch(() => undefined);
      const abort = (): void => aborted.reject(new StoreError("ABORTED", "the watch was given up"));
      options?.signal?.addEventListener("abort", abort, { once: true });
      let at = from === undefined ? data.log.length : Number(from);
      if (from === undefined) yield { type: "resync", cursor: String(at) as Cursor } satisfies Resync;
      for (;;) {
        const { changed } = data;
        const news = data.log
          .slice(at)
          .filter((item) => (item.type === "put" ? item.entry.key : item.key).startsWith(prefix));
        at = data.log.length;
        if (news.length > 0) yield news;
        else await Promise.race([changed.promise, aborted.promise]);
      }
    },
    async session(ttlMs): Promise<Session> {
      const id = `s${(data.versions += 1)}`;
      data.sessions.set(id, endOf(data, ttlMs));
      return {
        id,
        ttlMs: Math.ceil(ttlMs / GRANULARITY_MS) * GRANULARITY_MS,
        async keepAlive() {
          if (!data.sessions.has(id)) throw new StoreError("LEASE_LOST", "the session has ended");
          data.sessions.set(id, endOf(data, ttlMs));
        },
        revoke: async () => {
          data.sessions.delete(id);
        },
      };
    },
    async nextFence(above) {
      data.fences = (above > data.fences ? above : data.fences) + 1n;
      return data.fences;
    },
  };
}
