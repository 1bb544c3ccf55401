import type { ServiceImpl } from "@connectrpc/connect";
import { type Clock, StoreError, systemClock } from "@orbit/persistence";
import { NodeLeaseResponseProto_Status as Status, type NodeManagementService } from "@orbit/proto";

import { callOptions } from "../grpc/convert.ts";
import type { Namespaces } from "../namespaces.ts";
import { callerOf, describe, lifeOf, namespaceOf } from "./caller.ts";
import { drawNodeKey, drawToken, isTokenOf, withSecondToken, withToken } from "./challenge.ts";
import { fromNode } from "./convert.ts";

/** How long a node lives after a renewal, as clients of the original expect. */
const TTL_MS = 10_000;

/** Answers `orbit.shared.NodeManagement`. The clock tells the instants in its answers. */
export function nodeManagement(
  namespaces: Namespaces,
  clock: Clock = systemClock,
): ServiceImpl<typeof NodeManagementService> {
  return {
    async joinCluster({ capabilities }, context) {
      const { membership } = namespaceOf(namespaces, context);
      const renewedAt = clock.wall();
      const token = drawToken();
      const addressableTypes = capabilities?.addressableTypes ?? [];
      const description = { id: drawNodeKey(), addressableTypes, metadata: withToken(token), ttlMs: TTL_MS };
      const node = await membership.admit(description, callOptions(context));
      return { info: fromNode(node, token, renewedAt) };
    },
    async renewLease({ challengeToken, capabilities }, context) {
      const caller = callerOf(namespaces, context);
      const renewedAt = clock.wall();
      try {
        const life = await lifeOf(caller);
        if (!isTokenOf(life.metadata, challengeToken)) {
          throw new StoreError(
            "LEASE_LOST",
            "challenge_token: this is not the token of that node; call JoinCluster again",
          );
        }
        const change = capabilities === undefined ? {} : { addressableTypes: capabilities.addressableTypes };
        const node = await caller.namespace.membership.update(life, change, caller.options);
        return { info: fromNode(node, challengeToken, renewedAt) };
      } catch (error) {
        return { status: Status.ERROR, errorDescription: describe(error) };
      }
    },
    async leaveCluster(_, context) {
      const caller = callerOf(namespaces, context);
      const renewedAt = clock.wall();
      try {
        const life = await lifeOf(caller);
        // Clients go on with the token of this answer; theirs is not known here, so that they get another one.
        const token = drawToken();
        const change = { status: "draining", metadata: withSecondToken(life.metadata, token) } as const;
        const node = await caller.namespace.membership.update(life, change, caller.options);
        return { info: fromNode(node, token, renewedAt) };
      } catch (error) {
        return { status: Status.ERROR, errorDescription: describe(error) };
      }
    },
  };
}
