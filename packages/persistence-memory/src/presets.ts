import type { Simulation } from "./simulator.ts";

/** A store of blobs: conditional writes, a clock of whole seconds, stale deletes let through, nothing else. */
export const objectStore: Simulation = {
  name: "object-store",
  capabilities: {
    durability: "quorum",
    scope: "cluster",
    clock: "server-age",
    fencing: "total",
    commit: "none",
    partitions: 1,
    watch: "none",
    conditionalDelete: false,
    getMany: false,
    write: false,
    session: false,
    fences: false,
    limits: { maxKeyBytes: 1024, maxCommitOps: 0, ttlGranularityMs: 1000 },
  },
  pageEntries: 1000,
  listsWithoutValues: true,
};

/** A small consistent store with transactions, sessions and a watch that resumes; its clock counts whole seconds. */
export const etcdLike: Simulation = {
  name: "etcd-like",
  capabilities: {
    durability: "quorum",
    scope: "cluster",
    fencing: "total",
    getMany: false,
    write: false,
    fences: false,
    limits: { maxKeyBytes: 1024, maxValueBytes: 2 ** 20, maxCommitOps: 128, ttlGranularityMs: 1000 },
  },
};

/** A fast store that replicates behind its answers: bulk calls, no transactions, a watch that may lose changes. */
export const redisLike: Simulation = {
  name: "redis-like",
  capabilities: {
    consistency: "leader-async",
    durability: "async",
    scope: "cluster",
    fencing: "until-failover",
    commit: "none",
    partitions: 1,
    watch: "best-effort",
    session: false,
    fences: false,
    limits: { maxCommitOps: 0 },
  },
};
