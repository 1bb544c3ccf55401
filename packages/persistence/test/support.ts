import type { DriverOperation, StoreDriver } from "../src/driver.ts";
import {
  type Change,
  type Cursor,
  type Delete,
  type Put,
  type Store,
  StoreError,
  type Version,
  type WriteOp,
} from "../src/index.ts";
import { mapData, type MapData, mapDriver, type ManualClock } from "../src/testing/index.ts";

export const bytes = (text: string): Uint8Array => Buffer.from(text, "utf8");
export const text = (value: Uint8Array | undefined): string | undefined =>
  value === undefined ? undefined : Buffer.from(value).toString("utf8");

export const collect = async <T>(pages: AsyncIterable<readonly T[]>): Promise<T[]> =>
  (await Array.fromAsync(pages)).flat();

/** The StoreError that a call ends in; fails the test when it ends otherwise. */
export async function failure(call: Promise<unknown> | (() => unknown)): Promise<StoreError> {
  try {
    await (typeof call === "function" ? call() : call);
  } catch (error) {
    if (StoreError.is(error)) return error;
    throw error;
  }
  throw new Error("expected a StoreError, the call succeeded");
}

/** A map driver with every optional method; `changes` are what its watch tells, after which it is quiet. */
export function fullDriver(
  options: { data?: MapData; clock?: ManualClock; changes?: readonly Change[] } = {},
): StoreDriver {
  const driver = mapDriver({ data: options.data ?? mapData(), ...(options.clock && { clock: options.clock }) });
  let fence = 0n;
  return {
    ...driver,
    capabilities: {
      ...driver.capabilities,
      getMany: true,
      write: true,
      watch: "resumable",
      session: true,
      fences: true,
    },
    getMany: (keys) => Promise.all(keys.map((key) => driver.get(key))),
    write: (ops) => Promise.all(ops.map((op) => one(driver, op))),
    async *watch() {
      yield { type: "resync", cursor: "0" as Cursor };
      if (options.changes !== undefined) yield options.changes;
      await new Promise(() => undefined);
    },
    async session(ttlMs) {
      return { id: "s", ttlMs, keepAlive: async () => undefined, revoke: async () => undefined };
    },
    async nextFence(above) {
      fence = (above > fence ? above : fence) + 1n;
      return fence;
    },
  };
}

function one(driver: StoreDriver, op: WriteOp): Promise<Put | Delete> {
  return op.type === "put" ? driver.put(op.key, op.value, op.when) : driver.delete(op.key, op.when);
}

export interface Call {
  readonly operation: DriverOperation | "open" | "close";
  readonly arguments: readonly unknown[];
}

/** Notes every call of a driver. */
export function recorded(driver: StoreDriver): { readonly driver: StoreDriver; readonly calls: Call[] } {
  const calls: Call[] = [];
  const proxy = new Proxy(driver, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== "function") return value;
      return (...given: unknown[]) => {
        calls.push({ operation: name as DriverOperation, arguments: given });
        return Reflect.apply(value, target, given) as unknown;
      };
    },
  });
  return { driver: proxy, calls };
}

/** A promise and the calls waiting for it, to hold a driver's answers back. */
export function gate(): { readonly open: () => void; readonly passed: Promise<void> } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { open: resolve, passed: promise };
}

export const unavailable = (outcome: "none" | "unknown"): StoreError =>
  new StoreError("UNAVAILABLE", "the line is down", { outcome });

/** A driver's method that never answers. */
export const hang = (): Promise<never> => new Promise(() => undefined);

/** How a call has ended after so many milliseconds: its answer, its error, or `undefined` while it has not. */
export async function endOf(call: Promise<unknown>, clock: ManualClock, ms: number): Promise<unknown> {
  let end: unknown;
  call.then(
    (value) => (end = value ?? "done"),
    (error: unknown) => (end = error),
  );
  await clock.advance(ms);
  return end;
}

/** Lets time pass until the call settles. */
export async function settle<T>(clock: ManualClock, call: Promise<T>): Promise<T> {
  let done = false;
  const watched = call.finally(() => (done = true));
  watched.catch(() => undefined);
  for (let passed = 0; passed < 3_000 && !done; passed += 20) await clock.advance(20);
  return watched;
}

/** Writes the key `k` and returns its version. */
export async function existing(store: Store): Promise<Version> {
  const put = await store.put("k", bytes("before"), "absent");
  if (!put.ok) throw new Error("the key exists");
  return put.version;
}

/** Loses the first calls of a method, or their answers. */
export function lossy<T extends keyof StoreDriver>(
  driver: StoreDriver,
  method: T,
  lost: number,
  applied: boolean,
): StoreDriver {
  const real = Reflect.get(driver, method) as (...given: unknown[]) => Promise<unknown>;
  let left = lost;
  const wrapped = async (...given: unknown[]): Promise<unknown> => {
    if (left-- <= 0) return real.apply(driver, given);
    if (applied) await real.apply(driver, given);
    throw unavailable("unknown");
  };
  return { ...driver, [method]: wrapped };
}
