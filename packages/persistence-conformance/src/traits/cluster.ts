import {
  type AddressableDirectory,
  type AddressableReference,
  type Clock,
  type ClusterMembership,
  directory,
  type Holder,
  type Lease,
  membership,
  type NodeDescription,
  type NodeSession,
  type Store,
  stringKey,
} from "@orbit/persistence";

import { must } from "../assert.ts";
import type { Bench, Between } from "../bench.ts";
import type { Match } from "./gate.ts";

/** What one process of a cluster has: a store of its own over the one backend, and what stands on it. */
export interface Process {
  readonly store: Store;
  readonly members: ClusterMembership;
  readonly leases: AddressableDirectory;
}

export interface ProcessOptions extends Between {
  /** The clock of the process; the machine's own by default. */
  readonly clock?: Clock | undefined;
  /** The namespace of the cluster within the store. */
  readonly namespace?: string;
}

/** Longer than any law takes: who lives with it does not die of time. */
export const LONG_TTL_MS = 600_000;

export async function startProcess(bench: Bench, options: ProcessOptions = {}): Promise<Process> {
  const { clock, namespace } = options;
  const store = await bench.store(clock === undefined ? {} : { clock }, options);
  // A weaker store loses grants in a failover only, and no failover happens here.
  const allowWeak = true;
  const members = membership(store, { allowWeak, ...(namespace === undefined ? {} : { namespace }) });
  return { store, members, leases: directory(store, { membership: members, allowWeak }) };
}

/** The clock that laws about the end of leases give to stores, where the harness moves one that can serve as such. */
export function movedClock(bench: Bench): Clock | undefined {
  const { clock } = bench.harness;
  const { now, wall, after } = clock ?? {};
  if (now === undefined || wall === undefined || after === undefined) return undefined;
  return {
    now: () => now.call(clock),
    wall: () => wall.call(clock),
    after: (ms: number, fn: () => void) => after.call(clock, ms, fn),
  };
}

/** Joins without a heartbeat, so that laws alone decide when requests are made. */
export function join(process: Process, id: string, node: Partial<NodeDescription> = {}): Promise<NodeSession> {
  return process.members.join({ id, ttlMs: LONG_TTL_MS, ...node }, { heartbeat: false });
}

/** Acquires a lease that must be free for this holder. */
export async function take(
  { leases }: Process,
  holder: Holder,
  reference: AddressableReference = robot("bob"),
  ttlMs?: number,
): Promise<Lease> {
  const acquired = await leases.acquire(reference, holder, { ttlMs });
  const held = acquired.ok ? "" : acquired.current.node.key;
  must(acquired.ok, "a free addressable is granted", "a lease", `held by ${held}`);
  return acquired.lease;
}

export function robot(name: string): AddressableReference {
  return { type: "Robot", key: stringKey(name) };
}

/** The write of an acquire: together with the check of the floor where that can be one request. */
export function grantOf({ store }: Process): Match {
  return store.capabilities.commit === "none" ? { operation: "put", kind: "lease" } : { operation: "commit" };
}

/** The request by which a guarded record is written in the store of its lease. */
export function writeOf({ store }: Process): Match {
  return store.capabilities.commit === "none" ? { operation: "put", kind: "state" } : { operation: "commit" };
}
