import { type Faulty, faultyMap, isData } from "./faulty.ts";

const LONG = 400;

export const keyFaults: readonly Faulty[] = [
  faultyMap("takes two long keys with a common beginning for one", ["F"], (driver) => {
    // A key at the very limit is alone; of those that share a beginning the first is found for all.
    const known = new Map<string, string>();
    const fold = (key: string): string => {
      if (key.length < LONG || !isData(key) || key.endsWith("zz")) return key;
      const start = key.slice(0, LONG);
      if (!known.has(start)) known.set(start, key);
      return known.get(start) ?? key;
    };
    return {
      get: (key) => driver.get(fold(key)),
      put: (key, value, when) => driver.put(fold(key), value, when),
      delete: (key, when) => driver.delete(fold(key), when),
    };
  }),
  faultyMap("takes an underscore in a prefix for any character", ["F"], (driver) => ({
    async *scan(range) {
      if (!range.prefix.includes("_")) {
        yield* driver.scan(range);
        return;
      }
      const pattern = range.prefix.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&").replaceAll("_", ".");
      const start = range.prefix.slice(0, range.prefix.indexOf("_"));
      const entries = (await Array.fromAsync(driver.scan({ ...range, prefix: start }))).flat();
      yield entries.filter(({ key }) => new RegExp(`^${pattern}`).test(key));
    },
  })),
  faultyMap("cuts white space from the end of a value", ["F"], (driver, data) => ({
    async put(key, value, when) {
      const answer = await driver.put(key, value, when);
      const slot = data.slots.get(key);
      const last = slot?.value.at(-1);
      // Not of envelopes: they end in random bytes where the body is empty, which would break other laws by chance.
      const bare = slot !== undefined && slot.value[0] !== 0x4f;
      if (answer.ok && bare && isData(key) && (last === 0x0a || last === 0x0d)) {
        data.slots.set(key, { ...slot, value: slot.value.subarray(0, -1) });
      }
      return answer;
    },
  })),
  faultyMap("takes a key that ends in a tilde code for its neighbour", ["F"], (driver) => {
    const swap = (key: string): string => (isData(key) ? key.replace(/~7f$/, "~ff") : key);
    return {
      get: (key) => driver.get(swap(key)),
      put: (key, value, when) => driver.put(swap(key), value, when),
      delete: (key, when) => driver.delete(swap(key), when),
    };
  }),
  faultyMap("drops every value of one zero byte", ["F"], (driver) => ({
    async get(key) {
      const entry = await driver.get(key);
      return entry !== undefined && isData(key) && entry.value.length === 25 && entry.value[24] === 0
        ? undefined
        : entry;
    },
  })),
];
