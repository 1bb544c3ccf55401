import type { PutOptions, StoreDriver } from "../contract/driver.ts";
import { stepwise } from "../runtime/stream.ts";

export type DriverOperation =
  | "get"
  | "put"
  | "delete"
  | "scan"
  | "health"
  | "getMany"
  | "write"
  | "commit"
  | "watch"
  | "session"
  | "nextFence";

export interface DriverCall {
  readonly operation: DriverOperation;
  /** The key, or the prefix of a scan or watch; absent for calls over many keys. */
  readonly key?: string;
}

/**
 * Runs one call of a driver; for streams, each step of the stream, which does not see the options: the stream was opened
 * with the caller's.
 */
export type Around = <T>(
  call: DriverCall,
  options: PutOptions | undefined,
  run: (options: PutOptions | undefined) => Promise<T>,
) => Promise<T>;

const CHANGING: ReadonlySet<DriverOperation> = new Set(["put", "delete", "write", "commit", "session"]);

/** What is known of a call that was sent and not answered: a write may have been applied. */
export function outcomeOf(operation: DriverOperation): "none" | "unknown" {
  return CHANGING.has(operation) ? "unknown" : "none";
}

/** Wraps every operation of a driver in `around`. Optional methods stay present exactly where the driver has them. */
export function wrapDriver(inner: StoreDriver, around: Around): StoreDriver {
  return {
    get name() {
      return inner.name;
    },
    get contract() {
      return inner.contract;
    },
    get capabilities() {
      return inner.capabilities;
    },
    open: (options) => inner.open(options),
    close: () => inner.close(),
    get: (key, options) => around({ operation: "get", key }, options, (o) => inner.get(key, o)),
    put: (key, value, when, options) =>
      around({ operation: "put", key }, options, (o) => inner.put(key, value, when, o)),
    delete: (key, when, options) => around({ operation: "delete", key }, options, (o) => inner.delete(key, when, o)),
    health: (options) => around({ operation: "health" }, options, (o) => inner.health(o)),
    scan(range, options) {
      const call: DriverCall = { operation: "scan", key: range.prefix };
      return stepwise(
        () => inner.scan(range, options),
        (next) => around(call, options, next),
      );
    },
    ...optional(inner, around),
  };
}

function optional(inner: StoreDriver, around: Around): Partial<StoreDriver> {
  return {
    ...(inner.getMany && {
      getMany: (keys, options) => around({ operation: "getMany" }, options, (o) => inner.getMany!(keys, o)),
    }),
    ...(inner.write && {
      write: (ops, options) => around({ operation: "write" }, options, (o) => inner.write!(ops, o)),
    }),
    ...(inner.commit && {
      commit: (checks, ops, options) => around({ operation: "commit" }, options, (o) => inner.commit!(checks, ops, o)),
    }),
    ...(inner.watch && {
      watch(range, options) {
        const call: DriverCall = { operation: "watch", key: range.prefix };
        return stepwise(
          () => inner.watch!(range, options),
          (next) => around(call, options, next),
        );
      },
    }),
    ...(inner.session && {
      session: (ttlMs, options) => around({ operation: "session" }, options, (o) => inner.session!(ttlMs, o)),
    }),
    ...(inner.nextFence && {
      nextFence: (above, options) => around({ operation: "nextFence" }, options, (o) => inner.nextFence!(above, o)),
    }),
    ...(inner.clockMicros && { clockMicros: () => inner.clockMicros!() }),
  } satisfies Partial<StoreDriver>;
}
