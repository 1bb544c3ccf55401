import { type Faulty, faultyMap, isData } from "./faulty.ts";

const pause = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export const listFaults: readonly Faulty[] = [
  faultyMap("stops a list at 1,000 keys", ["G"], (driver) => ({
    async *scan(range) {
      const entries = (await Array.fromAsync(driver.scan(range))).flat();
      yield entries.slice(0, 1_000);
    },
  })),
  faultyMap("goes on by number instead of by key, so that it skips when others delete", ["G"], (driver) => ({
    async *scan(range) {
      if (range.limit !== undefined) {
        yield* driver.scan(range);
        return;
      }
      for (let offset = 0; ; offset += 5) {
        const entries = (await Array.fromAsync(driver.scan(range))).flat();
        if (entries.length <= offset) return;
        yield entries.slice(offset, offset + 5);
        await pause();
      }
    },
  })),
  faultyMap("lists keys alone without heed of `after`", ["G"], (driver) => ({
    scan: ({ after, ...range }) =>
      driver.scan(range.keysOnly === true || after === undefined ? range : { ...range, after }),
  })),
  faultyMap("includes the key that a list is to start after", ["G", "F"], (driver) => ({
    async *scan(range) {
      const { after } = range;
      const first = after === undefined || !after.startsWith(range.prefix) ? undefined : await driver.get(after);
      const entries = (await Array.fromAsync(driver.scan(range))).flat();
      yield (first === undefined ? entries : [first, ...entries]).slice(0, range.limit);
    },
  })),
  faultyMap("lists in the order of writing", ["G", "F"], (driver, data) => ({
    async *scan(range) {
      const entries = (await Array.fromAsync(driver.scan(range))).flat();
      const order = [...data.slots.keys()];
      yield entries.sort((a, b) => order.indexOf(a.key) - order.indexOf(b.key));
    },
  })),
  faultyMap("has a limit a page instead of a list", ["G"], (driver) => ({
    async *scan({ limit, ...range }) {
      const entries = (await Array.fromAsync(driver.scan(range))).flat();
      const size = limit ?? 100;
      for (let start = 0; start < entries.length; start += size) yield entries.slice(start, start + size);
    },
  })),
  faultyMap("shows a list as it was at the list before", ["G", "F"], (driver, _data, shared) => ({
    async *scan(range) {
      const place = JSON.stringify(range);
      const now = (await Array.fromAsync(driver.scan(range))).flat();
      const before = shared.get(place);
      shared.set(place, now);
      yield !isData(range.prefix) || !Array.isArray(before) ? now : (before as typeof now);
    },
  })),
  faultyMap("lists the last key of each page again", ["G"], (driver) => ({
    async *scan(range) {
      const entries = (await Array.fromAsync(driver.scan(range))).flat();
      yield entries;
      if (range.limit === undefined && entries.length > 200) yield entries.slice(-1);
    },
  })),
];
