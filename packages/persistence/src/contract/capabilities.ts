/** What a driver promises. Plain data; each promise is tested both ways by the conformance kit. */
export interface Capabilities {
  /** `linearizable`: every read sees every write acknowledged before it. `leader-async`: only until a failover. */
  readonly consistency: "linearizable" | "leader-async";
  /** What an acknowledged write survives: a minority of machines, a crash of this one, neither for sure, nothing. */
  readonly durability: "quorum" | "disk" | "async" | "none";
  /** Who can share the data: this process, this host, any host. */
  readonly scope: "process" | "host" | "cluster";
  /** How the end of a time to live is judged: the store removes, the store tells the age, each observer waits. */
  readonly clock: "server-ttl" | "server-age" | "observer";
  /** `total`: fences of a key never fall. `until-failover`: a failover can undo a grant. */
  readonly fencing: "total" | "until-failover";
  /** Isolation of `commit`, or `none` where the driver has no commit. */
  readonly commit: "serializable" | "snapshot" | "none";
  /**
   * Keys are spread over so many partitions, by `partitionOf`, and only keys of one partition commit together. 1: any
   * keys.
   */
  readonly partitions: number;
  /** Whether a change stream resumes from a cursor, may lose changes, or does not exist. */
  readonly watch: "resumable" | "best-effort" | "none";
  /** A stale conditional delete is refused. `false`: the core writes tombstones instead of deleting, and offers no commit. */
  readonly conditionalDelete: boolean;
  readonly getMany: boolean;
  readonly write: boolean;
  readonly session: boolean;
  /** The driver issues fence numbers that never fall, also over a restart ({@link StoreDriver.nextFence}). */
  readonly fences: boolean;
  readonly limits: Limits;
}

export interface Limits {
  readonly maxKeyBytes: number;
  readonly maxValueBytes: number;
  /** Checks and operations of one commit together; 0 without commit. */
  readonly maxCommitOps: number;
  /** The step of the store's clock: times to live are rounded up to it, ages are exact to it. */
  readonly ttlGranularityMs: number;
  /** How far the clocks of the store's front ends may differ; taken off an age before it is judged. */
  readonly clockSkewMs: number;
}

/** The version of the driver contract that this package speaks. */
export const CONTRACT = 1;
