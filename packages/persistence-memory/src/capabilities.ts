import type { Capabilities } from "@orbit/persistence/driver";

/** What a memory store promises without a backup; with one, durability is `async`. */
export const memoryCapabilities: Capabilities = {
  consistency: "linearizable",
  durability: "none",
  scope: "process",
  clock: "server-ttl",
  fencing: "until-failover",
  commit: "serializable",
  partitions: 1,
  watch: "resumable",
  conditionalDelete: true,
  getMany: true,
  write: true,
  session: true,
  fences: true,
  limits: {
    maxKeyBytes: 16_384,
    maxValueBytes: 2 ** 24,
    maxCommitOps: 4096,
    ttlGranularityMs: 1,
    clockSkewMs: 0,
  },
};
