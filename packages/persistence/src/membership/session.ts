import { Belief, beliefMs, type Sent } from "../clockrules/belief.ts";
import type { CallOptions } from "../contract/driver.ts";
import { StoreError } from "../contract/error.ts";
import type { ClusterMembership, NodeChange, NodeInfo, NodeSession } from "../contract/membership.ts";
import { membershipChannel, type MembershipEvent, stallChannel, type StallEvent } from "../events.ts";
import type { Cancel, Clock } from "../runtime/clock.ts";
import type { Random } from "../runtime/random.ts";

export interface SessionInit {
  readonly provider: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly driftPpm: number;
  readonly info: NodeInfo;
  readonly sent: Sent;
  readonly heartbeat: boolean;
  /** Writes the record anew; tells when it was first sent. Throws `LEASE_LOST`. */
  readonly rewrite: (change: NodeChange, options: CallOptions | undefined) => Promise<{ info: NodeInfo; sent: Sent }>;
  readonly leave: ClusterMembership["leave"];
}

/** Renews at a third of the ttl; after a failure, at this share of it. */
const HEARTBEAT = 1 / 3;
const RETRY = 1 / 10;

/** The belief of this process to be in the cluster. A session past its own deadline never renews. */
export class StoreNodeSession implements NodeSession {
  readonly id: string;
  readonly epoch: string;
  readonly #init: SessionInit;
  readonly #belief: Belief;
  #info: NodeInfo;
  #beat: Cancel | undefined;
  /** When the next heartbeat is due. */
  #due: number | undefined;
  #isLeaving = false;
  #leaving: Promise<void> | undefined;

  constructor(init: SessionInit) {
    this.#init = init;
    this.#info = init.info;
    this.id = init.info.id;
    this.epoch = init.info.epoch;
    this.#belief = new Belief(init.clock, init.sent, this.#beliefMs(), () => this.#ended());
    if (init.heartbeat) this.#schedule(HEARTBEAT);
  }

  get info(): NodeInfo {
    return this.#info;
  }

  get deadline(): number {
    return this.#belief.deadline;
  }

  get lost(): AbortSignal {
    return this.#belief.lost;
  }

  isLive(): boolean {
    return this.#belief.holds();
  }

  renew(options?: CallOptions): Promise<void> {
    return this.update({}, options);
  }

  async update(change: NodeChange, options?: CallOptions): Promise<void> {
    this.#checkLive();
    try {
      const { info, sent } = await this.#init.rewrite(change, options);
      this.#info = info;
      this.#belief.extend(sent, this.#beliefMs());
    } catch (error) {
      if (StoreError.is(error) && error.code === "LEASE_LOST") this.#belief.end();
      throw error;
    }
    this.#checkLive();
  }

  leave(options?: CallOptions): Promise<void> {
    this.#leaving ??= this.#init.leave(this, options).then(() => undefined);
    return this.#leaving;
  }

  /** Ends the belief on purpose, before the record is ended: nothing is lost. */
  stopBelieving(): void {
    this.#isLeaving = true;
    this.#belief.end();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.leave();
  }

  #beliefMs(): number {
    return beliefMs(this.#info.ttlMs, this.#init.driftPpm);
  }

  #checkLive(): void {
    if (this.#belief.holds()) return;
    throw new StoreError("LEASE_LOST", `node ${JSON.stringify(this.id)}: this session has ended, join again`, {
      provider: this.#init.provider,
      operation: "renew",
    });
  }

  #ended(): void {
    // Whoever looks at the belief first after a stall ends it, and no heartbeat comes any more.
    this.#reportStall();
    this.#beat?.();
    if (this.#isLeaving) return;
    const event: MembershipEvent = { type: "lost", provider: this.#init.provider, node: this.#info.nodeId };
    membershipChannel.publish(event);
  }

  #schedule(share: number): void {
    const { clock, random } = this.#init;
    const pauseMs = this.#info.ttlMs * share * (0.9 + random.number() / 10);
    this.#due = clock.now() + pauseMs;
    this.#beat = clock.after(pauseMs, () => void this.#heartbeat());
  }

  /** Tells when the heartbeat is so late that the process can't have run. */
  #reportStall(): void {
    if (this.#due === undefined) return;
    const { ttlMs, nodeId } = this.#info;
    const lateMs = this.#init.clock.now() - this.#due;
    this.#due = undefined;
    if (lateMs > ttlMs * HEARTBEAT) stallChannel.publish({ node: nodeId, lateMs, ttlMs } satisfies StallEvent);
  }

  async #heartbeat(): Promise<void> {
    this.#reportStall();
    if (!this.#belief.holds()) return;
    try {
      // An answer after the deadline would come too late to help.
      await this.renew({ deadline: this.#belief.deadline });
      this.#schedule(HEARTBEAT);
    } catch {
      // The channel `orbit.store` carries the error; what counts here is that the deadline was not moved.
      if (this.#belief.holds()) this.#schedule(RETRY);
    }
  }
}
