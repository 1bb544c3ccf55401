import type { Entry, Version } from "@orbit/persistence";

import { type Faulty, faultyFull, faultyMap, isData } from "./faulty.ts";

const pause = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export const compareAndSetFaults: readonly Faulty[] = [
  faultyFull("lets the last of several creators win, because it reads before it writes", ["B"], (driver) => ({
    async put(key, value, when, options) {
      if (when !== "absent" || !isData(key)) return driver.put(key, value, when, options);
      const current = await driver.get(key);
      if (current !== undefined) return { ok: false, current };
      await pause();
      return driver.put(key, value, "always", options);
    },
  })),
  faultyFull("loses updates, because it compares before it writes", ["B"], (driver) => ({
    async put(key, value, when, options) {
      // The totals of transactions are kept out of it: whether two of them meet is a matter of chance.
      const spared = !isData(key) || key.endsWith("total");
      if (typeof when === "string" || spared) return driver.put(key, value, when, options);
      const current = await driver.get(key);
      if (current?.version !== when.version) return { ok: false, current };
      await pause();
      return driver.put(key, value, "always", options);
    },
  })),
  faultyFull("reports a conflict without the entry that won", ["B"], (driver) => ({
    async put(key, value, when, options) {
      const answer = await driver.put(key, value, when, options);
      return answer.ok || !isData(key) ? answer : { ok: false, current: undefined };
    },
  })),
  faultyFull("reports a conflict with an entry that was there before", ["B"], (driver, _data, shared) => ({
    async put(key, value, when, options) {
      const before = await driver.get(key);
      const answer = await driver.put(key, value, when, options);
      if (answer.ok && before !== undefined) shared.set(key, before);
      if (answer.ok || !isData(key)) return answer;
      return { ok: false, current: (shared.get(key) as Entry | undefined) ?? answer.current };
    },
  })),
  faultyMap("creates a missing key that was to be updated", ["B"], (driver) => ({
    async put(key, value, when, options) {
      const answer = await driver.put(key, value, when, options);
      const upsert = !answer.ok && typeof when !== "string" && answer.current === undefined && isData(key);
      return upsert ? driver.put(key, value, "always") : answer;
    },
  })),
  faultyMap("counts versions anew after a delete", ["B"], (driver, data) => ({
    async put(key, value, when, options) {
      if (!data.slots.has(key) && isData(key)) data.versions = 1_000;
      return driver.put(key, value, when, options);
    },
  })),
  faultyMap("counts versions for each key alone", ["B"], (driver, data, shared) => ({
    async put(key, value, when, options) {
      const answer = await driver.put(key, value, when, options);
      const slot = data.slots.get(key);
      if (!answer.ok || slot === undefined || !isData(key)) return answer;
      const count = ((shared.get(key) as number | undefined) ?? 0) + 1;
      shared.set(key, count);
      const version = `n${count}` as Version;
      data.slots.set(key, { ...slot, version });
      return { ok: true, version };
    },
  })),
  faultyMap("writes blindly under an empty version", ["B"], (driver) => ({
    put: (key, value, when) =>
      driver.put(key, value, typeof when !== "string" && when.version === "" ? "always" : when),
  })),
  faultyMap("makes an entry younger by a write that it refuses", ["B"], (driver, data) => ({
    async put(key, value, when, options) {
      const answer = await driver.put(key, value, when, options);
      const slot = data.slots.get(key);
      if (!answer.ok && slot !== undefined) data.slots.set(key, { ...slot, writtenAt: data.clock.now() + 60_000 });
      return answer;
    },
  })),
  faultyMap("shows a large value half written", ["B"], (driver, data) => ({
    async put(key, value, when, options) {
      const before = data.slots.get(key);
      const answer = await driver.put(key, value, when, options);
      const slot = data.slots.get(key);
      if (!answer.ok || slot === undefined || before === undefined || value.length < 12_000) return answer;
      const half = Math.floor(value.length / 2);
      const torn = Buffer.concat([value.subarray(0, half), before.value.subarray(half)]);
      data.slots.set(key, { ...slot, value: torn });
      await pause();
      data.slots.set(key, slot);
      return answer;
    },
  })),
  faultyMap("lets a stale delete through", ["B"], (driver) => ({
    async delete(key, when) {
      return isData(key) && (await driver.get(key)) !== undefined
        ? driver.delete(key, "always")
        : driver.delete(key, when);
    },
  })),
  faultyMap("takes a delete of a missing key for a conflict", ["B"], (driver) => ({
    async delete(key, when) {
      if (isData(key) && (await driver.get(key)) === undefined) return { ok: false, current: undefined };
      return driver.delete(key, when);
    },
  })),
  faultyMap("keeps the version when an update writes", ["B", "I"], (driver, data) => ({
    async put(key, value, when, options) {
      const before = data.slots.get(key);
      const answer = await driver.put(key, value, when, options);
      const slot = data.slots.get(key);
      if (!answer.ok || before === undefined || slot === undefined || when !== "always" || !isData(key)) return answer;
      data.slots.set(key, { ...slot, version: before.version });
      return { ok: true, version: before.version };
    },
  })),
];
