import type { CallOptions } from "../contract/driver.ts";
import type { ClusterMembership } from "../contract/membership.ts";
import type { Clock } from "../runtime/clock.ts";

const MAX_NODES = 4_096;
const SHARE_OF_TTL = 1 / 4;

/**
 * Remembers for a quarter of its ttl that a node was alive, so that a lookup takes one read. Serves lookups only: a
 * takeover always reads the node record itself.
 */
export class NodeTable {
  readonly #membership: ClusterMembership;
  readonly #clock: Clock;
  readonly #liveUntil = new Map<string, number>();

  constructor(membership: ClusterMembership, clock: Clock) {
    this.#membership = membership;
    this.#clock = clock;
  }

  async isLive(id: string, epoch: string, options: CallOptions | undefined): Promise<boolean> {
    const until = this.#liveUntil.get(epoch);
    if (until !== undefined && this.#clock.now() < until) return true;
    const node = await this.#membership.get(id, options);
    if (node === undefined || node.epoch !== epoch || node.status === "stopped") {
      this.#liveUntil.delete(epoch);
      return false;
    }
    if (this.#liveUntil.size >= MAX_NODES) this.#liveUntil.clear();
    this.#liveUntil.set(epoch, this.#clock.now() + node.ttlMs * SHARE_OF_TTL);
    return true;
  }
}
