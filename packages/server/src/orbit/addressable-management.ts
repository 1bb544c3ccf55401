import type { ServiceImpl } from "@connectrpc/connect";
import {
  type AddressableLease,
  type AddressableReference,
  formatReference,
  type NodeInfo,
  remoteHolder,
  StoreError,
  type Clock,
  systemClock,
} from "@orbit/persistence";
import { type AddressableManagementService, RenewAddressableLeaseResponseProto_Status as Status } from "@orbit/proto";

import type { Namespaces } from "../namespaces.ts";
import { type Caller, callerOf, describe, lifeOf } from "./caller.ts";
import { fromLease, toReference } from "./convert.ts";

/** How long an addressable stays with its node after a renewal, as clients of the original expect. */
const TTL_MS = 600_000;

/** Answers `orbit.shared.AddressableManagement`. While draining, nothing new is granted. */
export function addressableManagement(
  namespaces: Namespaces,
  draining: AbortSignal,
  clock: Clock = systemClock,
): ServiceImpl<typeof AddressableManagementService> {
  return {
    async renewLease({ reference }, context) {
      const caller = callerOf(namespaces, context);
      const renewedAt = clock.wall();
      try {
        const wanted = toReference(reference);
        const life = await lifeOf(caller);
        const lease = (await renewed(caller, life, wanted)) ?? (await acquired(caller, life, wanted, draining));
        // One acquired by other means may have no end of its own: it lives with its node, and is renewed all the same.
        return { lease: fromLease(lease, renewedAt, lease.ttlMs ?? TTL_MS) };
      } catch (error) {
        return { status: Status.ERROR, errorDescription: describe(error) };
      }
    },
    async abandonLease({ reference }, context) {
      const caller = callerOf(namespaces, context);
      const wanted = toReference(reference);
      const { directory } = caller.namespace;
      try {
        const life = await lifeOf(caller);
        const lease = await directory.lookup(wanted, caller.options);
        // Freed by its grant: what the node has acquired anew meanwhile stays.
        const held = lease !== undefined && lease.epoch === life.epoch;
        return { abandoned: held && (await directory.release(lease, caller.options)) };
      } catch (error) {
        describe(error);
        return { abandoned: false };
      }
    },
  };
}

/** Extends the lease that a node has; `undefined` when it has none, or has just lost it. */
async function renewed(
  caller: Caller,
  life: NodeInfo,
  wanted: AddressableReference,
): Promise<AddressableLease | undefined> {
  const { directory } = caller.namespace;
  const lease = await directory.lookup(wanted, caller.options);
  if (lease?.epoch !== life.epoch) return undefined;
  try {
    return await directory.renew(lease, caller.options);
  } catch (error) {
    if (StoreError.is(error) && error.code === "LEASE_LOST") return undefined;
    throw error;
  }
}

/** Makes a node the host of what nobody hosts. */
async function acquired(
  { namespace, options }: Caller,
  life: NodeInfo,
  wanted: AddressableReference,
  draining: AbortSignal,
): Promise<AddressableLease> {
  const name = formatReference(wanted);
  if (life.status === "draining") {
    throw new StoreError("LEASE_LOST", `${name} is not with this node, which has left and gets nothing new`);
  }
  if (draining.aborted) throw new StoreError("UNAVAILABLE", "this server is stopping: ask another one");
  const answer = await namespace.directory.acquire(wanted, remoteHolder(life), { ...options, ttlMs: TTL_MS });
  if (answer.ok) return answer.lease;
  throw new StoreError("CONFLICT", `${name} is with node ${JSON.stringify(answer.current.node.key)}`);
}
