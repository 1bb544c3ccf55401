import type { StoreDriver } from "../contract/driver.ts";
import type { Entry } from "../contract/entry.ts";
import { wrapDriver } from "../layers/around.ts";

const MAX_BATCH = 128;

interface Waiting {
  readonly key: string;
  readonly resolve: (entry: Entry | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/** Gathers the `get`s of one turn of the event loop into `getMany`. Each caller's own signal and deadline hold above. */
export function coalesceReads(inner: StoreDriver): StoreDriver {
  if (inner.getMany === undefined) return inner;
  let waiting: Waiting[] = [];
  const flush = (): void => {
    const all = waiting;
    waiting = [];
    for (let at = 0; at < all.length; at += MAX_BATCH) void send(all.slice(at, at + MAX_BATCH));
  };
  const send = async (batch: readonly Waiting[]): Promise<void> => {
    try {
      const keys = batch.map(({ key }) => key);
      const entries = keys.length === 1 ? [await inner.get(keys[0] ?? "")] : await inner.getMany!(keys);
      batch.forEach(({ resolve }, index) => resolve(entries[index]));
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  };
  const driver = wrapDriver(inner, (_call, options, run) => run(options));
  driver.get = (key) =>
    new Promise((resolve, reject) => {
      if (waiting.length === 0) process.nextTick(flush);
      waiting.push({ key, resolve, reject });
    });
  return driver;
}
