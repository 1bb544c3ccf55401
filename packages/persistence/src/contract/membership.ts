import type { NodeId } from "../orbit/reference.ts";
import type { CallOptions } from "./driver.ts";
import type { StoreError } from "./error.ts";

/** `stopped` is final: a stopped epoch never lives again. */
export type NodeStatus = "starting" | "active" | "draining" | "stopped";

/** Names one life of a node: the epoch is drawn anew at each join and compared for equality only. */
export interface NodeLease {
  /** The node's key within its namespace. */
  readonly id: string;
  /** 128 random bits as 32 hexadecimal digits. */
  readonly epoch: string;
}

export interface NodeInfo extends NodeLease {
  readonly nodeId: NodeId;
  /** Where other nodes reach it. */
  readonly url: string | undefined;
  /** Types of addressables that it can host. */
  readonly addressableTypes: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly status: NodeStatus;
  /** How long the node lives after a renewal, in milliseconds. */
  readonly ttlMs: number;
}

export interface NodeDescription {
  readonly id: string;
  readonly url?: string | undefined;
  readonly addressableTypes?: readonly string[] | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** `active` by default. */
  readonly status?: Exclude<NodeStatus, "stopped"> | undefined;
  /** 10,000 by default. */
  readonly ttlMs?: number | undefined;
}

export type NodeChange = Partial<Pick<NodeInfo, "url" | "addressableTypes" | "metadata">> & {
  readonly status?: Exclude<NodeStatus, "stopped">;
};

export interface AdmitOptions extends CallOptions {
  /** Takes the place of a live record of the same id at once. The caller vouches that the other process is gone. */
  readonly replace?: boolean | undefined;
}

export interface JoinOptions extends AdmitOptions {
  /** Renews in the background at a third of the ttl. `true` by default. */
  readonly heartbeat?: boolean | undefined;
}

/** Who asks for leases: a session of this process, or a node elsewhere that keeps its own belief. */
export interface Holder extends NodeLease {
  /** Whether the holder may still believe to be in the cluster. */
  isLive(): boolean;
  /** Instant on the monotonic clock at which the belief ends unless renewed, in milliseconds. */
  readonly deadline: number;
  /** Fires when the belief ends, before the deadline. */
  readonly lost: AbortSignal;
}

/** One life of this process in the cluster. */
export interface NodeSession extends Holder, AsyncDisposable {
  readonly info: NodeInfo;
  /** Extends the deadline. Throws `LEASE_LOST` when the session has ended: join again under a new epoch. */
  renew(options?: CallOptions): Promise<void>;
  update(change: NodeChange, options?: CallOptions): Promise<void>;
  /** Ends the belief, then the record. Idempotent. */
  leave(options?: CallOptions): Promise<void>;
}

/** The nodes of the cluster at one moment. */
export interface MembershipView {
  /** Equal for equal sets: heartbeats do not change it. */
  readonly version: string;
  readonly nodes: readonly NodeInfo[];
}

export interface SweepOptions extends CallOptions {
  /** At most so many records looked at; the next sweep goes on where this one stopped. Unbounded by default. */
  readonly budget?: number | undefined;
}

export interface SweepReport {
  /** Records looked at. */
  readonly scanned: number;
  /** Live-looking records whose time had passed, ended. */
  readonly expired: number;
  /** Ended records and tombstones removed. */
  readonly removed: number;
  /** The whole range was covered, over this and earlier budgeted sweeps. */
  readonly complete: boolean;
}

/** Which nodes are in the cluster: a table of leases. */
export interface ClusterMembership {
  readonly namespace: string;
  /**
   * Joins under a fresh epoch. Waits while a live record of the same id stands, until the clock rule ends it, the
   * deadline passes (`TIMEOUT`) or the signal fires, unless `replace` is set.
   */
  join(node: NodeDescription, options?: JoinOptions): Promise<NodeSession>;
  /** Joins on behalf of a node elsewhere, which keeps its own belief and asks for its own renewals. */
  admit(node: NodeDescription, options?: AdmitOptions): Promise<NodeInfo>;
  get(id: string, options?: CallOptions): Promise<NodeInfo | undefined>;
  /** Renews on behalf of a node elsewhere. Throws `LEASE_LOST` when that life has ended. */
  renew(lease: NodeLease, options?: CallOptions): Promise<NodeInfo>;
  update(lease: NodeLease, change: NodeChange, options?: CallOptions): Promise<NodeInfo>;
  /** Ends a life. Returns whether it was this call that ended it. */
  leave(lease: NodeLease, options?: CallOptions): Promise<boolean>;
  /**
   * Tells whether a life has ended for ever, by a read made now. A life whose time has passed by the clock rule is
   * ended first, under the version that was seen, so that it can't be renewed afterwards.
   */
  confirmDead(lease: NodeLease, options?: CallOptions): Promise<boolean>;
  /**
   * Tells whether a life looks alive, from what was read up to a quarter of its ttl ago. For lookups: never a reason to
   * take a lease over.
   */
  looksAlive(lease: NodeLease, options?: CallOptions): Promise<boolean>;
  /** All nodes on record, or those alone that are neither stopped nor expired and not draining. */
  nodes(options?: CallOptions & { readonly active?: boolean }): Promise<readonly NodeInfo[]>;
  joinMany(nodes: readonly NodeDescription[], options?: JoinOptions): Promise<readonly (NodeSession | StoreError)[]>;
  updateMany(
    leases: readonly NodeLease[],
    change: NodeChange,
    options?: CallOptions,
  ): Promise<readonly (NodeInfo | StoreError)[]>;
  getMany(ids: readonly string[], options?: CallOptions): Promise<readonly (NodeInfo | undefined | StoreError)[]>;
  renewMany(leases: readonly NodeLease[], options?: CallOptions): Promise<readonly (NodeInfo | StoreError)[]>;
  leaveMany(leases: readonly NodeLease[], options?: CallOptions): Promise<readonly (boolean | StoreError)[]>;
  /** The live nodes, read now. */
  view(options?: CallOptions): Promise<MembershipView>;
  /** Views as they change, the present one first. For lookups and display: never a reason to take a lease over. */
  watch(options?: CallOptions): AsyncIterable<MembershipView>;
  /** Ends expired nodes and removes ended ones. */
  sweep(options?: SweepOptions): Promise<SweepReport>;
}
