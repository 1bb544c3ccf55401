import { type Client, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { createStore } from "@orbit/persistence";
import { manualClock, type ManualClock, mapDriver } from "@orbit/persistence/testing";
import { AddressableManagementService, NodeLeaseResponseProto_Status, NodeManagementService } from "@orbit/proto";
import { pino } from "pino";
import { expect } from "vitest";

import { Calls } from "../../src/grpc/calls.ts";
import { GrpcListener } from "../../src/grpc/listener.ts";
import { Namespaces } from "../../src/namespaces.ts";
import { addressableManagement } from "../../src/orbit/addressable-management.ts";
import { nodeManagement } from "../../src/orbit/node-management.ts";

/** Clients of the original's protocol. */
export interface Orbit {
  readonly nodes: Client<typeof NodeManagementService>;
  readonly addressables: Client<typeof AddressableManagementService>;
}

export function orbit(baseUrl: string): Orbit {
  const transport = createGrpcTransport({ baseUrl });
  return {
    nodes: createClient(NodeManagementService, transport),
    addressables: createClient(AddressableManagementService, transport),
  };
}

/** What a caller says of itself; as grpc-java writes it, in small letters. */
export const named = (nodekey?: string, namespace = "games"): { readonly headers: Record<string, string> } => ({
  headers: { namespace, ...(nodekey === undefined ? {} : { nodekey }) },
});

export const robot = (name: string) => ({ type: "Robot", key: { key: { case: "stringKey", value: name } } }) as const;

/** A node as the client of the original keeps it: its key and the token of the last answer. */
export async function join({ nodes }: Orbit, ...addressableTypes: readonly string[]) {
  const { status, info } = await nodes.joinCluster(
    { capabilities: { addressableTypes: [...addressableTypes] } },
    named(),
  );
  expect(status).toBe(NodeLeaseResponseProto_Status.OK);
  const [key = "", token = ""] = [info?.id?.key, info?.lease?.challengeToken];
  return { key, token, info, named: named(key) };
}

/** Both services alone, on a clock that the test moves. */
export async function timed(): Promise<Orbit & AsyncDisposable & { readonly clock: ManualClock }> {
  const clock = manualClock();
  const draining = new AbortController().signal;
  const store = await createStore(mapDriver({ clock }), { clock });
  const namespaces = new Namespaces({
    directoryStore: store,
    membershipStore: store,
    allowWeak: false,
    fallback: "default",
  });
  const listener = new GrpcListener({
    tls: undefined,
    maxMessageBytes: 65_536,
    interceptors: [new Calls(pino({ level: "silent" }), draining).interceptor],
    routes: (router) => {
      router.service(NodeManagementService, nodeManagement(namespaces, clock));
      router.service(AddressableManagementService, addressableManagement(namespaces, draining, clock));
    },
  });
  const port = await listener.listen({ host: "127.0.0.1", port: 0, what: "gRPC", option: "port" });
  return {
    ...orbit(`http://127.0.0.1:${port}`),
    clock,
    async [Symbol.asyncDispose]() {
      listener.destroy();
      await listener.close();
      await store.close();
    },
  };
}
