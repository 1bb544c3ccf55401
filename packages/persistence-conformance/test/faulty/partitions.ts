import { crc32 } from "node:zlib";

import { partitionOf } from "@orbit/persistence/driver";

import { partitioned, PARTITIONS } from "../partitioned-driver.ts";
import { type Faulty, faultyMap, isData } from "./faulty.ts";

const byText = (key: string, count: number): number => crc32(key) % count;

export const partitionFaults: readonly Faulty[] = [
  faultyMap("has partitions, and commits over several of them", ["I"], ({ capabilities }) => ({
    capabilities: { ...capabilities, partitions: PARTITIONS },
  })),
  faultyMap("places keys by all of their text instead of by their tags", ["A", "I"], (driver) =>
    partitioned(driver, (key, count) => (isData(key) ? byText : partitionOf)(key, count)),
  ),
  faultyMap("places guarded data elsewhere than its lease", ["C", "I"], (driver) =>
    partitioned(driver, (key, count) => (key.includes("-state-") ? byText : partitionOf)(key, count)),
  ),
  faultyMap("declares partitions without a commit that could span them", ["A"], ({ capabilities }) => ({
    capabilities: {
      ...capabilities,
      partitions: PARTITIONS,
      commit: "none",
      limits: { ...capabilities.limits, maxCommitOps: 0 },
    },
    commit: undefined,
  })),
];
