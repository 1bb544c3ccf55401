import { timestampMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Provider } from "@orbit/persistence";
import { defineOptions } from "@orbit/persistence/driver";
import { mapData, mapDriver } from "@orbit/persistence/testing";
import {
  NodeLeaseResponseProto_Status as NodeStatusOf,
  NodeStatusProto,
  RenewAddressableLeaseResponseProto_Status as LeaseStatus,
} from "@orbit/proto";
import { describe, expect, test } from "vitest";

import { serve } from "../harness.ts";
import { join, named, orbit, robot } from "./clients.ts";

describe("beside the rest of the server", () => {
  /** Servers of one provider are servers over one store, which outlives them. */
  function shared(): { readonly provider: Provider; readonly stored: () => string } {
    const data = mapData();
    return {
      provider: {
        name: "map",
        contract: 1,
        types: ["Map"],
        schemes: ["map"],
        options: defineOptions<object>({}),
        create: () => mapDriver({ data }),
      },
      stored: () => [...data.slots].map(([key, { value }]) => key + Buffer.from(value).toString("latin1")).join("\n"),
    };
  }

  test("two servers over one store agree, and a server started anew knows every token", async () => {
    const { provider } = shared();
    const reference = robot("bob");
    let node: Awaited<ReturnType<typeof join>>;
    let second = "";
    {
      await using one = await serve({ provider });
      await using two = await serve({ provider, nodeId: "server-2" });
      const [first, other] = [orbit(one.server.address.grpc), orbit(two.server.address.grpc)];
      node = await join(first, "Robot");
      const renewal = { challengeToken: node.token, capabilities: { addressableTypes: ["Human"] } };
      expect((await other.nodes.renewLease(renewal, node.named)).status).toBe(NodeStatusOf.OK);
      expect(
        (await first.nodes.renewLease({ challengeToken: node.token }, node.named)).info?.capabilities,
      ).toMatchObject({ addressableTypes: ["Human"] });
      expect((await other.addressables.renewLease({ reference }, node.named)).status).toBe(LeaseStatus.OK);
      second = (await other.nodes.leaveCluster({}, node.named)).info?.lease?.challengeToken ?? "";
      const drained = await first.nodes.renewLease({ challengeToken: second }, node.named);
      expect(drained.info?.status).toBe(NodeStatusProto.DRAINING);
    }
    await using later = await serve({ provider });
    const clients = orbit(later.server.address.grpc);
    for (const challengeToken of [node.token, second]) {
      expect((await clients.nodes.renewLease({ challengeToken }, node.named)).status).toBe(NodeStatusOf.OK);
    }
    expect((await clients.nodes.renewLease({ challengeToken: "x" }, node.named)).status).toBe(NodeStatusOf.ERROR);
    expect((await clients.addressables.renewLease({ reference }, node.named)).status).toBe(LeaseStatus.OK);
  });

  test("no token stands in the store, in the list of nodes or in the log", async () => {
    const { provider, stored } = shared();
    await using served = await serve({ provider });
    const clients = orbit(served.server.address.grpc);
    const node = await join(clients, "Robot");
    await clients.nodes.renewLease({ challengeToken: node.token }, node.named);
    const { info } = await clients.nodes.leaveCluster({}, node.named);
    await clients.nodes.renewLease({ challengeToken: "wrong" }, node.named);
    const { nodes } = await served.membership.listNodes({ namespace: "games" });
    expect(nodes).toMatchObject([{ id: node.key }]);
    const told = [stored(), JSON.stringify(nodes, (_, value) => (typeof value === "bigint" ? String(value) : value))];
    told.push(JSON.stringify(served.logged), (await served.get("/api/v1/nodes")).text);
    expect(stored()).toContain("orbit.challenge");
    for (const token of [node.token, info?.lease?.challengeToken ?? "?"]) {
      for (const text of told) expect(text).not.toContain(token.slice(0, 12));
    }
  });

  test("what a node holds is seen by the directory, and the other way round", async () => {
    await using served = await serve();
    const clients = orbit(served.server.address.grpc);
    const node = await join(clients, "Robot");
    const granted = await clients.addressables.renewLease({ reference: robot("bob") }, node.named);
    const key = { kind: { case: "stringKey", value: "bob" } } as const;
    const { lease } = await served.directory.lookup({ namespace: "games", reference: { type: "Robot", key } });
    expect(lease).toMatchObject({ nodeId: node.key, fence: granted.lease?.fence, ttl: { seconds: 600n } });
    const [listed] = (await served.membership.listNodes({ namespace: "games", activeOnly: true })).nodes;
    expect(listed).toMatchObject({ id: node.key, addressableTypes: ["Robot"] });
    const eve = { type: "Robot", key: { kind: { case: "stringKey", value: "eve" } } } as const;
    const other = await served.membership.join({ namespace: "games", id: "n2" });
    await served.directory.acquire({
      namespace: "games",
      node: { id: "n2", epoch: other.lease?.epoch ?? "" },
      reference: eve,
    });
    const refused = await clients.addressables.renewLease({ reference: robot("eve") }, node.named);
    expect(refused).toMatchObject({ status: LeaseStatus.ERROR, errorDescription: expect.stringContaining('"n2"') });
    // Acquired for it by other means, without an end of its own: told with instants all the same.
    await served.directory.acquire({
      namespace: "games",
      node: { id: node.key, epoch: lease?.epoch ?? "" },
      reference: { type: "Robot", key: { kind: { case: "stringKey", value: "kim" } } },
    });
    const kim = await clients.addressables.renewLease({ reference: robot("kim") }, node.named);
    expect(kim.status).toBe(LeaseStatus.OK);
    expect(kim.lease?.expiresAt && timestampMs(kim.lease.expiresAt)).toBeGreaterThan(Date.now() + 500_000);
  });

  test("a server that stops lets nodes renew, and grants nothing new", async () => {
    await using served = await serve();
    const clients = orbit(served.server.address.grpc);
    const node = await join(clients, "Robot");
    await clients.addressables.renewLease({ reference: robot("bob") }, node.named);
    // A call that goes on keeps the connection open.
    await served.membership.join({ namespace: "games", id: "n1" });
    const waiting = served.membership.join({ namespace: "games", id: "n1" }, { timeoutMs: 2_000 });
    const ended = waiting.catch((error: unknown) => ConnectError.from(error).code);
    // Asked later over the same connection: the call above has arrived.
    await served.membership.listNodes({ namespace: "games" });
    const stopping = served.server.stop();
    expect((await clients.nodes.renewLease({ challengeToken: node.token }, node.named)).status).toBe(NodeStatusOf.OK);
    const held = await clients.addressables.renewLease({ reference: robot("bob") }, node.named);
    expect(held.status).toBe(LeaseStatus.OK);
    const fresh = clients.addressables.renewLease({ reference: robot("eve") }, node.named);
    await expect(fresh).rejects.toMatchObject({ code: Code.Unavailable });
    await expect(clients.nodes.joinCluster({}, named())).rejects.toMatchObject({ code: Code.Unavailable });
    expect(await ended).toBe(Code.DeadlineExceeded);
    await stopping;
  });
});
