import type { CallOptions, StoreDriver } from "../contract/driver.ts";

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

/** Runs one call of a driver; for streams, each step of the stream. */
export type Around = <T, O extends CallOptions>(
  call: DriverCall,
  options: O | undefined,
  run: (options: O | undefined) => Promise<T>,
) => Promise<T>;

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
    scan: (range, options) =>
      steps(inner.scan(range, options), { operation: "scan", key: range.prefix }, options, around),
    ...optional(inner, around),
  };
}

function optional(inner: StoreDriver, around: Around): Partial<StoreDriver> {
  const { getMany, write, commit, watch, session, nextFence } = inner;
  return {
    ...(getMany && {
      getMany: (keys, options) => around({ operation: "getMany" }, options, (o) => getMany.call(inner, keys, o)),
    }),
    ...(write && {
      write: (ops, options) => around({ operation: "write" }, options, (o) => write.call(inner, ops, o)),
    }),
    ...(commit && {
      commit: (checks, ops, options) =>
        around({ operation: "commit" }, options, (o) => commit.call(inner, checks, ops, o)),
    }),
    ...(watch && {
      watch: (range, options) =>
        steps(watch.call(inner, range, options), { operation: "watch", key: range.prefix }, options, around),
    }),
    ...(session && {
      session: (ttlMs, options) => around({ operation: "session" }, options, (o) => session.call(inner, ttlMs, o)),
    }),
    ...(nextFence && {
      nextFence: (above, options) =>
        around({ operation: "nextFence" }, options, (o) => nextFence.call(inner, above, o)),
    }),
  } satisfies Partial<StoreDriver>;
}

async function* steps<T>(
  stream: AsyncIterable<T>,
  call: DriverCall,
  options: CallOptions | undefined,
  around: Around,
): AsyncGenerator<T, void, undefined> {
  const iterator = stream[Symbol.asyncIterator]();
  try {
    for (;;) {
      const step = await around(call, options, () => iterator.next());
      if (step.done === true) return;
      yield step.value;
    }
  } finally {
    await iterator.return?.();
  }
}
