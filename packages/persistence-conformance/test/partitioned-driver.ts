import { partitionOf, type StoreDriver, StoreError } from "@orbit/persistence/driver";

export const PARTITIONS = 8;

/** A driver whose backend commits within one of several partitions only, as Redis Cluster does. */
export function partitioned(driver: StoreDriver, place: typeof partitionOf = partitionOf): StoreDriver {
  return {
    ...driver,
    capabilities: { ...driver.capabilities, partitions: PARTITIONS },
    async commit(checks, ops) {
      const touched = new Set([...checks, ...ops].map(({ key }) => place(key, PARTITIONS)));
      if (touched.size > 1) throw new StoreError("UNSUPPORTED", "the keys lie in different partitions");
      return driver.commit!(checks, ops);
    },
  };
}
