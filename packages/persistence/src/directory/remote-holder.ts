import type { Holder, NodeLease } from "../contract/membership.ts";

/**
 * Stands for a node elsewhere on whose behalf a server asks. The node keeps its own belief, so that nothing is believed
 * of it here; the server makes sure that its life is on record before it asks.
 */
export function remoteHolder(lease: NodeLease): Holder {
  const never = new AbortController();
  return {
    id: lease.id,
    epoch: lease.epoch,
    deadline: Number.POSITIVE_INFINITY,
    lost: never.signal,
    isLive: () => true,
  };
}
