import type { AddressableReference, NodeId } from "../orbit/reference.ts";
import type { CallOptions } from "./driver.ts";
import type { StoreError } from "./error.ts";
import type { Holder, SweepOptions, SweepReport } from "./membership.ts";

/** Names one grant of a lease. */
export interface LeaseGrant {
  readonly reference: AddressableReference;
  /** 128 random bits as 32 hexadecimal digits. */
  readonly grant: string;
}

/** Which node hosts an addressable, and by which grant. */
export interface AddressableLease extends LeaseGrant {
  readonly node: NodeId;
  readonly epoch: string;
  /** Strictly above the fence of every earlier grant of this addressable. */
  readonly fence: bigint;
  /** The lease's own time to live in milliseconds, beside that of its node. */
  readonly ttlMs: number | undefined;
}

/** A lease held by this process. It ends with its node's session. */
export interface Lease extends AddressableLease, AsyncDisposable {
  /** Instant on the monotonic clock at which the belief ends unless renewed, in milliseconds. */
  readonly deadline: number;
  /** Fires when the lease is lost, before the deadline. A blocked event loop delays it: rely on guarded writes. */
  readonly lost: AbortSignal;
  /** Whether this process may still believe to hold it. */
  isHeld(): boolean;
  /** Confirms the lease and extends its own ttl. Throws `LEASE_LOST`. */
  renew(options?: CallOptions): Promise<void>;
  /** Ends the belief, then frees the record. Returns whether it was still held. Idempotent. */
  release(options?: CallOptions): Promise<boolean>;
}

export type Acquired =
  | { readonly ok: true; readonly lease: Lease }
  /** Somebody else holds it, or won the race for it. */
  | { readonly ok: false; readonly current: AddressableLease };

export interface AcquireOptions extends CallOptions {
  /** An own time to live in milliseconds, to be extended by `renew`. Without one it lives as long as its node. */
  readonly ttlMs?: number | undefined;
}

export interface ListOptions extends CallOptions {
  /** Goes on after this addressable, whether or not it still has a lease. */
  readonly after?: AddressableReference | undefined;
}

/** Which node hosts which addressable: a table of leases. */
export interface AddressableDirectory {
  readonly namespace: string;
  /**
   * Grants the addressable to the holder when it is free, when its node is dead, or when the holder has it already
   * (which supersedes the earlier grant with a higher fence: stop believing in its lease before the call, since that
   * lease is not told). Throws `LEASE_LOST` when the holder's life has ended.
   */
  acquire(reference: AddressableReference, holder: Holder, options?: AcquireOptions): Promise<Acquired>;
  /** The present lease; `undefined` when it is free or its node is dead. */
  lookup(reference: AddressableReference, options?: CallOptions): Promise<AddressableLease | undefined>;
  /** Confirms a grant and extends its own ttl. Throws `LEASE_LOST` when it was superseded, released or has expired. */
  renew(grant: LeaseGrant, options?: CallOptions): Promise<AddressableLease>;
  /** Frees a grant. Returns whether it was still held. */
  release(grant: LeaseGrant, options?: CallOptions): Promise<boolean>;
  /** Leases whose node is alive, in pages. A node that ended elsewhere may be shown for a quarter of its ttl. */
  leases(options?: ListOptions): AsyncIterable<readonly AddressableLease[]>;
  /** The live leases of one node. */
  leasesOf(nodeId: string, options?: ListOptions): AsyncIterable<readonly AddressableLease[]>;

  acquireMany(
    references: readonly AddressableReference[],
    holder: Holder,
    options?: AcquireOptions,
  ): Promise<readonly (Acquired | StoreError)[]>;
  lookupMany(
    references: readonly AddressableReference[],
    options?: CallOptions,
  ): Promise<readonly (AddressableLease | undefined | StoreError)[]>;
  renewMany(grants: readonly LeaseGrant[], options?: CallOptions): Promise<readonly (AddressableLease | StoreError)[]>;
  releaseMany(grants: readonly LeaseGrant[], options?: CallOptions): Promise<readonly (boolean | StoreError)[]>;

  /** Frees the leases of dead nodes and removes what is free. Fences never fall over it. */
  sweep(options?: SweepOptions): Promise<SweepReport>;
}
