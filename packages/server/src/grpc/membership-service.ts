import type { ServiceImpl } from "@connectrpc/connect";
import type { NodeChange } from "@orbit/persistence";
import type { MembershipService, UpdateNodeRequest } from "@orbit/proto";

import type { Namespaces } from "../namespaces.ts";
import { callOptions, fromNode, fromNodeLease, toMs, toNodeLease, toNodeStatus } from "./convert.ts";

/** Answers `orbit.directory.v1.MembershipService`. `draining` ends the watches. */
export function membershipService(
  namespaces: Namespaces,
  draining: AbortSignal,
): ServiceImpl<typeof MembershipService> {
  return {
    async join(request, context) {
      const description = {
        id: request.id,
        url: request.url === "" ? undefined : request.url,
        addressableTypes: request.addressableTypes,
        metadata: request.metadata,
        status: toNodeStatus(request.status),
        ttlMs: toMs(request.ttl),
      };
      const { membership } = namespaces.writer(request.namespace);
      const options = { ...callOptions(context), replace: request.replace };
      return { lease: fromNodeLease(await membership.admit(description, options)) };
    },
    async renewNode({ namespace, node }, context) {
      const { membership } = namespaces.writer(namespace);
      return { lease: fromNodeLease(await membership.renew(toNodeLease(node), callOptions(context))) };
    },
    async updateNode(request, context) {
      const { membership } = namespaces.writer(request.namespace);
      const lease = toNodeLease(request.node);
      return { node: fromNode(await membership.update(lease, toChange(request), callOptions(context))) };
    },
    async leaveNode({ namespace, node }, context) {
      const { membership } = namespaces.writer(namespace);
      return { left: await membership.leave(toNodeLease(node), callOptions(context)) };
    },
    async listNodes({ namespace, activeOnly }, context) {
      const { membership } = namespaces.reader(namespace);
      const nodes = await membership.nodes({ ...callOptions(context), active: activeOnly });
      return { nodes: nodes.map(fromNode) };
    },
    async *watchNodes({ namespace }, context) {
      const { membership } = namespaces.reader(namespace);
      const options = callOptions(context);
      const signal = AbortSignal.any([context.signal, draining]);
      for await (const { version, nodes } of membership.watch({ ...options, signal })) {
        yield { version, nodes: nodes.map(fromNode) };
      }
    },
  };
}

function toChange({ url, addressableTypes, metadata, status }: UpdateNodeRequest): NodeChange {
  const given = toNodeStatus(status);
  return {
    ...(url === undefined ? {} : { url: url === "" ? undefined : url }),
    ...(addressableTypes === undefined ? {} : { addressableTypes: addressableTypes.types }),
    ...(metadata === undefined ? {} : { metadata: metadata.entries }),
    ...(given === undefined ? {} : { status: given }),
  };
}
