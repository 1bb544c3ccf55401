import { Code, ConnectError, type HandlerContext } from "@connectrpc/connect";
import { type CallOptions, type NodeInfo, StoreError } from "@orbit/persistence";

import { callOptions } from "../grpc/convert.ts";
import type { Namespace, Namespaces } from "../namespaces.ts";
import { hasToken } from "./challenge.ts";

/** Who calls, as its metadata says: the protocol knows no other proof but the token of a renewal. */
export interface Caller {
  readonly namespace: Namespace;
  readonly nodeKey: string;
  readonly options: CallOptions;
}

/** Reads the namespace of a caller that may not have joined. Throws `UNAUTHENTICATED` where it names none. */
export function namespaceOf(namespaces: Namespaces, { requestHeader }: HandlerContext): Namespace {
  return namespaces.writer(entryOf(requestHeader, "namespace", "the namespace of the cluster"));
}

/** Reads the name of a caller that has joined. Throws `UNAUTHENTICATED` where it gives none. */
export function callerOf(namespaces: Namespaces, context: HandlerContext): Caller {
  const namespace = namespaceOf(namespaces, context);
  const nodeKey = entryOf(context.requestHeader, "nodeKey", "the key that JoinCluster answered");
  return { namespace, nodeKey, options: callOptions(context) };
}

/**
 * Reads the life of a caller now. Its key names one life only, because the server draws it at each join; of a node that
 * joined otherwise it does not, so that such a node is unknown here.
 *
 * @throws StoreError `LEASE_LOST` when it is unknown, expired or stopped.
 */
export async function lifeOf({ namespace, nodeKey, options }: Caller): Promise<NodeInfo> {
  const node = await namespace.membership.get(nodeKey, options);
  if (node !== undefined && node.status !== "stopped" && hasToken(node.metadata)) return node;
  throw new StoreError("LEASE_LOST", `node ${JSON.stringify(nodeKey)} is not in the cluster: call JoinCluster again`);
}

/** Faults of the request that the original answers in the response; all others end the call and may be tried again. */
const ANSWERED: ReadonlySet<string> = new Set(["CONFLICT", "LEASE_LOST", "INVALID_ARGUMENT", "TOO_LARGE"]);

/** The description of an error that is an answer. Throws any other. */
export function describe(error: unknown): string {
  if (StoreError.is(error) && ANSWERED.has(error.code)) return error.message;
  throw error;
}

function entryOf(headers: Headers, name: string, what: string): string {
  const value = headers.get(name);
  if (value !== null && value !== "") return value;
  throw new ConnectError(`metadata: ${JSON.stringify(name)} is missing; send ${what}`, Code.Unauthenticated);
}
