import { Belief, beliefMs, type Sent } from "../clockrules/belief.ts";
import type { AddressableLease, Lease } from "../contract/directory.ts";
import type { CallOptions } from "../contract/driver.ts";
import { StoreError } from "../contract/error.ts";
import type { Holder } from "../contract/membership.ts";
import type { AddressableReference, NodeId } from "../orbit/reference.ts";
import { formatReference } from "../orbit/reference.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Prior, Records } from "../store/records.ts";

/** The requests behind a lease; the directory makes them. */
export interface LeaseRequests {
  readonly provider: string;
  readonly clock: Clock;
  readonly driftPpm: number;
  readonly records: Records;
  /** Reads the record again and extends its own ttl. Throws `LEASE_LOST` when it no longer carries the grant. */
  renew(lease: HeldLease, options: CallOptions | undefined): Promise<{ readonly prior: Prior; readonly sent: Sent }>;
  /** Reads the record again. Throws `LEASE_LOST` when it no longer carries the grant. */
  confirm(lease: HeldLease, options: CallOptions | undefined): Promise<Prior>;
  release(lease: HeldLease, options: CallOptions | undefined): Promise<boolean>;
  lost(lease: AddressableLease): void;
}

/** A lease held by this process. */
export class HeldLease implements Lease {
  readonly reference: AddressableReference;
  readonly node: NodeId;
  readonly epoch: string;
  readonly fence: bigint;
  readonly grant: string;
  readonly ttlMs: number | undefined;
  /** The driver key of the lease record. */
  readonly key: string;
  readonly requests: LeaseRequests;
  readonly #holder: Holder;
  readonly #own: Belief | undefined;
  #prior: Prior;
  #over = false;
  #controller: AbortController | undefined;
  #releasing: Promise<boolean> | undefined;

  constructor(lease: AddressableLease, holder: Holder, key: string, prior: Prior, sent: Sent, requests: LeaseRequests) {
    this.reference = lease.reference;
    this.node = lease.node;
    this.epoch = lease.epoch;
    this.fence = lease.fence;
    this.grant = lease.grant;
    this.ttlMs = lease.ttlMs;
    this.key = key;
    this.requests = requests;
    this.#holder = holder;
    this.#prior = prior;
    // A holder without an end is a node elsewhere: what it believes is its own affair.
    if (lease.ttlMs !== undefined && Number.isFinite(holder.deadline)) {
      const ms = beliefMs(lease.ttlMs, requests.driftPpm);
      this.#own = new Belief(requests.clock, sent, ms, () => this.end());
    }
  }

  /** The version of the lease record as last known. */
  get prior(): Prior {
    return this.#prior;
  }

  adopt(prior: Prior): void {
    this.#prior = prior;
  }

  get deadline(): number {
    return Math.min(this.#holder.deadline, this.#own?.deadline ?? Number.POSITIVE_INFINITY);
  }

  /** Made when first asked for: a process may hold a million leases. */
  get lost(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (!this.isHeld()) this.#controller.abort();
      else
        this.#holder.lost.addEventListener("abort", () => this.end(), { once: true, signal: this.#controller.signal });
    }
    return this.#controller.signal;
  }

  isHeld(): boolean {
    if (this.#over) return false;
    if (this.#holder.isLive() && (this.#own?.holds() ?? true)) return true;
    this.end();
    return false;
  }

  async renew(options?: CallOptions): Promise<void> {
    this.checkHeld("renew");
    try {
      const { prior, sent } = await this.requests.renew(this, options);
      this.adopt(prior);
      if (this.ttlMs !== undefined) this.#own?.extend(sent, beliefMs(this.ttlMs, this.requests.driftPpm));
    } catch (error) {
      if (StoreError.is(error) && error.code === "LEASE_LOST") this.end();
      throw error;
    }
    this.checkHeld("renew");
  }

  /** Confirms the grant by a read made now; ends the lease when it is superseded. */
  async confirm(options: CallOptions | undefined): Promise<void> {
    try {
      this.adopt(await this.requests.confirm(this, options));
    } catch (error) {
      if (StoreError.is(error) && error.code === "LEASE_LOST") this.end();
      throw error;
    }
  }

  release(options?: CallOptions): Promise<boolean> {
    this.#releasing ??= (() => {
      const held = this.isHeld();
      this.stopBelieving();
      // A lease that is no longer believed in is not ours to free: its record may already be another's.
      return held ? this.requests.release(this, options) : Promise.resolve(false);
    })();
    return this.#releasing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
  }

  /** Ends the belief because the lease was lost. */
  end(): void {
    if (this.#over) return;
    this.stopBelieving();
    this.requests.lost(this);
  }

  checkHeld(operation: string): void {
    if (this.isHeld()) return;
    throw lostError(this.requests.provider, operation, this.reference);
  }

  /** Ends the belief on purpose, before the record is freed. */
  stopBelieving(): void {
    this.#over = true;
    this.#own?.end();
    this.#controller?.abort();
  }
}

export function lostError(provider: string, operation: string, reference: AddressableReference): StoreError {
  const reason = `the lease of ${formatReference(reference)} is no longer held: stop, or acquire it again`;
  return new StoreError("LEASE_LOST", reason, { provider, operation });
}
