import { channel } from "node:diagnostics_channel";

import type { NodeId } from "./orbit/reference.ts";
import type { AddressableReference } from "./orbit/reference.ts";

/** Published on the diagnostics channel `orbit.lease`. */
export interface LeaseEvent {
  readonly type: "acquired" | "takeover" | "renewed" | "released" | "lost" | "conflict";
  readonly provider: string;
  readonly namespace: string;
  readonly reference: AddressableReference;
  /** The node that holds it now; for `lost` and `released` the one that held it. */
  readonly node: NodeId;
  readonly fence: bigint;
}

/** Published on the diagnostics channel `orbit.membership`. */
export interface MembershipEvent {
  readonly type: "joined" | "renewed" | "left" | "lost" | "expired";
  readonly provider: string;
  readonly node: NodeId;
}

/** Published on the diagnostics channel `orbit.stall`: a heartbeat came late because the process did not run. */
export interface StallEvent {
  readonly node: NodeId;
  /** How late it came, in milliseconds. */
  readonly lateMs: number;
  readonly ttlMs: number;
}

export const leaseChannel: ReturnType<typeof channel> = channel("orbit.lease");
export const membershipChannel: ReturnType<typeof channel> = channel("orbit.membership");
export const stallChannel: ReturnType<typeof channel> = channel("orbit.stall");
