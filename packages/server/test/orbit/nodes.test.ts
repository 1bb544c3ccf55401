import { timestampMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  NodeLeaseResponseProto_Status as NodeStatusOf,
  NodeStatusProto,
  RenewAddressableLeaseResponseProto_Status as LeaseStatus,
} from "@orbit/proto";
import { describe, expect, test } from "vitest";

import { serve } from "../harness.ts";
import { join, named, type Orbit, orbit, robot, timed } from "./clients.ts";

describe("NodeManagement", () => {
  test("a node joins under a drawn key, with a token and a lease of ten seconds to be renewed at half", async () => {
    await using served = await timed();
    const { info } = await join(served, "Robot", "Human");
    const start = served.clock.wall();
    expect(info).toMatchObject({
      id: { key: expect.stringMatching(/^[A-Za-z0-9]{16}$/), namespace: "games" },
      capabilities: { addressableTypes: ["Robot", "Human"] },
      visibleNodes: [],
      lease: { challengeToken: expect.stringMatching(/^[A-Za-z0-9]{64}$/) },
      url: "",
      status: NodeStatusProto.ACTIVE,
    });
    expect(info?.lease?.renewAt && timestampMs(info.lease.renewAt)).toBe(start + 5_000);
    expect(info?.lease?.expiresAt && timestampMs(info.lease.expiresAt)).toBe(start + 10_000);
    const other = await join(served);
    expect(other.info?.id?.key).not.toBe(info?.id?.key);
    expect(other.info?.lease?.challengeToken).not.toBe(info?.lease?.challengeToken);
  });

  test("a node lives while it renews, with capabilities that may change, and ends when it stops", async () => {
    await using served = await timed();
    const node = await join(served, "Robot");
    for (let at = 0; at < 5; at += 1) {
      await served.clock.advance(6_000);
      const { status, info } = await served.nodes.renewLease(
        { challengeToken: node.token, capabilities: { addressableTypes: [`Robot${at}`] } },
        node.named,
      );
      expect(status).toBe(NodeStatusOf.OK);
      expect(info).toMatchObject({
        id: { key: node.key, namespace: "games" },
        capabilities: { addressableTypes: [`Robot${at}`] },
        lease: { challengeToken: node.token },
        status: NodeStatusProto.ACTIVE,
      });
      expect(info?.lease?.expiresAt && timestampMs(info.lease.expiresAt)).toBe(served.clock.wall() + 10_000);
    }
    // Left out, they stay.
    const kept = await served.nodes.renewLease({ challengeToken: node.token }, node.named);
    expect(kept.info?.capabilities?.addressableTypes).toEqual(["Robot4"]);
    await served.clock.advance(9_990);
    expect((await served.nodes.renewLease({ challengeToken: node.token }, node.named)).status).toBe(NodeStatusOf.OK);
    await served.clock.advance(10_010);
    const late = await served.nodes.renewLease({ challengeToken: node.token }, node.named);
    expect(late.status).toBe(NodeStatusOf.ERROR);
    expect(late.info).toBeUndefined();
    expect(late.errorDescription).toContain(`node "${node.key}" is not in the cluster: call JoinCluster again`);
  });

  test("a wrong token, a stranger and another namespace are answered ERROR, and change nothing", async () => {
    await using served = await timed();
    const [node, other] = [await join(served, "Robot"), await join(served)];
    const wrong = [
      [node.named, other.token, "challenge_token: this is not the token of that node"],
      [node.named, "", "challenge_token"],
      [node.named, node.token.slice(0, -1), "challenge_token"],
      [node.named, `${node.token}x`, "challenge_token"],
      [named("0000000000000000"), node.token, "is not in the cluster"],
      [named(node.key, "others"), node.token, "is not in the cluster"],
    ] as const;
    for (const [headers, challengeToken, reason] of wrong) {
      const answer = await served.nodes.renewLease(
        { challengeToken, capabilities: { addressableTypes: ["Intruder"] } },
        headers,
      );
      expect(answer).toMatchObject({ status: NodeStatusOf.ERROR, errorDescription: expect.stringContaining(reason) });
      // No part of a secret is told.
      expect(answer.errorDescription).not.toContain(node.token.slice(0, 8));
    }
    // The wrong ones did not extend the life either.
    await served.clock.advance(9_000);
    const { info } = await served.nodes.renewLease({ challengeToken: node.token }, node.named);
    expect(info?.capabilities?.addressableTypes).toEqual(["Robot"]);
    const ended = await served.nodes.renewLease({ challengeToken: other.token }, other.named);
    expect(ended.status).toBe(NodeStatusOf.OK);
    await served.clock.advance(6_000);
    await served.nodes.renewLease({ challengeToken: "x" }, other.named);
    await served.clock.advance(6_000);
    expect((await served.nodes.renewLease({ challengeToken: other.token }, other.named)).status).toBe(
      NodeStatusOf.ERROR,
    );
  });

  test("a node that leaves drains: it renews with either token, keeps what it holds and gets nothing new", async () => {
    await using served = await timed();
    const node = await join(served, "Robot");
    await served.addressables.renewLease({ reference: robot("bob") }, node.named);
    const left = await served.nodes.leaveCluster({}, node.named);
    expect(left).toMatchObject({ status: NodeStatusOf.OK, info: { status: NodeStatusProto.DRAINING } });
    const again = await served.nodes.leaveCluster({}, node.named);
    const token = again.info?.lease?.challengeToken ?? "";
    expect(token).toMatch(/^[A-Za-z0-9]{64}$/);
    for (const challengeToken of [token, node.token]) {
      await served.clock.advance(6_000);
      const { status, info } = await served.nodes.renewLease(
        { challengeToken, capabilities: { addressableTypes: ["Robot"] } },
        node.named,
      );
      expect([status, info?.status]).toEqual([NodeStatusOf.OK, NodeStatusProto.DRAINING]);
    }
    const kept = await served.addressables.renewLease({ reference: robot("bob") }, node.named);
    expect(kept.status).toBe(LeaseStatus.OK);
    const refused = await served.addressables.renewLease({ reference: robot("eve") }, node.named);
    expect(refused).toMatchObject({ status: LeaseStatus.ERROR, errorDescription: expect.stringContaining("has left") });
    const stranger = await served.nodes.leaveCluster({}, named("0000000000000000"));
    expect(stranger).toMatchObject({ status: NodeStatusOf.ERROR });
  });
});

describe("who calls", () => {
  const calls: readonly (readonly [string, (clients: Orbit, headers: Record<string, string>) => Promise<unknown>])[] = [
    ["RenewLease of a node", ({ nodes }, headers) => nodes.renewLease({}, { headers })],
    ["LeaveCluster", ({ nodes }, headers) => nodes.leaveCluster({}, { headers })],
    ["RenewLease", ({ addressables }, headers) => addressables.renewLease({}, { headers })],
    ["AbandonLease", ({ addressables }, headers) => addressables.abandonLease({}, { headers })],
  ];

  const refusal = async (call: Promise<unknown>): Promise<ConnectError> =>
    call.then(
      () => expect.fail("the call did not fail"),
      (error: unknown) => ConnectError.from(error),
    );

  test.each(calls)("%s without namespace or key is told what is missing", async (_, call) => {
    await using served = await timed();
    for (const headers of [{ nodekey: "x" }, { namespace: "", nodekey: "x" }, {}]) {
      const { code, rawMessage } = await refusal(call(served, headers));
      expect([code, rawMessage]).toEqual([Code.Unauthenticated, expect.stringContaining('"namespace" is missing')]);
    }
    const { code, rawMessage } = await refusal(call(served, { namespace: "games" }));
    expect([code, rawMessage]).toEqual([Code.Unauthenticated, expect.stringContaining('"nodeKey" is missing')]);
  });

  test("joining needs a namespace that is not the servers' own", async () => {
    await using served = await timed();
    expect((await refusal(served.nodes.joinCluster({}))).code).toBe(Code.Unauthenticated);
    const intruder = served.nodes.joinCluster({}, named(undefined, "management"));
    expect((await refusal(intruder)).code).toBe(Code.InvalidArgument);
  });

  test("a node that joined otherwise has a key that proves nothing here", async () => {
    await using served = await serve();
    const clients = orbit(served.server.address.grpc);
    await served.membership.join({ namespace: "games", id: "n1" });
    expect(await clients.nodes.renewLease({}, named("n1"))).toMatchObject({ status: NodeStatusOf.ERROR });
    const reference = robot("bob");
    expect(await clients.addressables.renewLease({ reference }, named("n1"))).toMatchObject({
      status: LeaseStatus.ERROR,
    });
  });
});
