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
  /** How many changes of the log are too old to resume before. */
  forgotten: number;
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
    forgotten: 0,
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
  const closing = new Set<() => void>();
  const onClose = (end: () => void): (() => void) => {
    closing.add(end);
    return () => closing.delete(end);
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
      if (data.slots.delete(op.key)) note({ type: "delete", key: op.key, cursor: cursor() });
      return undefined;
    }
    const version = `v${(data.versions += 1)}` as Version;
    const value = Buffer.from(op.value);
    if (op.ttlMs !== undefined) data.clock.after(endOf(data, op.ttlMs) - data.clock.now(), () => slot(op.key));
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
    close: async () => {
      for (const end of closing) end();
    },
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
      const ended = Promise.withResolvers<never>();
      ended.promise.catch(() => undefined);
      const { signal } = options ?? {};
      const abort = (): void => ended.reject(new StoreError("ABORTED", "the watch was given up"));
      if (signal?.aborted === true) abort();
      signal?.addEventListener("abort", abort);
      const stop = onClose(() => ended.reject(new StoreError("CLOSED", "the driver was closed")));
      let at = from === undefined || !/^\d+$/.test(from) || Number(from) < data.forgotten ? undefined : Number(from);
      try {
        for (;;) {
          const { changed } = data;
          if (at === undefined) {
            at = data.log.length;
            yield { type: "resync", cursor: String(at) as Cursor } satisfies Resync;
          }
          const news = data.log.slice(at).filter((change) => keyOf(change).startsWith(prefix));
          at = data.log.length;
          if (news.length > 0) yield news;
          else await Promise.race([changed.promise, ended.promise]);
        }
      } finally {
        stop();
        signal?.removeEventListener("abort", abort);
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
          for (const key of data.slots.keys()) slot(key);
        },
      };
    },
    async nextFence(above) {
      data.fences = (above > data.fences ? above : data.fences) + 1n;
      return data.fences;
    },
  };
}

function keyOf(change: Change): string {
  return change.type === "put" ? change.entry.key : change.key;
}
