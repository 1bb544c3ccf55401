import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorDetailSchema, NodeStatus } from "@orbit/proto";
import { describe, expect, test } from "vitest";

import { type Clients, eventually, robot, serve, ttl } from "./harness.ts";

const namespace = "";

async function statusOf(call: Promise<unknown>): Promise<{ readonly code: Code; readonly detail: string | undefined }> {
  try {
    await call;
  } catch (error) {
    const status = ConnectError.from(error);
    return { code: status.code, detail: status.findDetails(ErrorDetailSchema)[0]?.code };
  }
  throw new Error("the call did not fail");
}

async function join({ membership }: Clients, id: string, ms = 10_000, ns = namespace) {
  const { lease } = await membership.join({ namespace: ns, id, ttl: ttl(ms) });
  if (lease === undefined) throw new Error("no lease");
  return { id, epoch: lease.epoch, lease };
}

describe("membership", () => {
  test("a node joins, is seen, changes, renews and leaves", async () => {
    await using served = await serve();
    const { membership } = served;
    const { lease } = await membership.join({
      namespace,
      id: "n1",
      url: "http://n1",
      addressableTypes: ["Robot"],
      metadata: { zone: "a" },
      ttl: ttl(5_000),
    });
    expect(lease).toMatchObject({ id: "n1", ttl: { seconds: 5n }, renewWithin: { seconds: 1n, nanos: 666_000_000 } });
    const node = { id: "n1", epoch: lease?.epoch ?? "" };
    const listed = async (activeOnly = false) => (await membership.listNodes({ namespace, activeOnly })).nodes;
    expect(await listed(true)).toMatchObject([
      { ...node, url: "http://n1", addressableTypes: ["Robot"], metadata: { zone: "a" }, status: NodeStatus.ACTIVE },
    ]);
    expect((await membership.renewNode({ namespace, node })).lease).toMatchObject(node);
    const changed = await membership.updateNode({ namespace, node, status: NodeStatus.DRAINING, url: "" });
    expect(changed.node).toMatchObject({ status: NodeStatus.DRAINING, url: "", metadata: { zone: "a" } });
    expect(await listed(true)).toEqual([]);
    expect((await membership.leaveNode({ namespace, node })).left).toBe(true);
    expect((await membership.leaveNode({ namespace, node })).left).toBe(false);
    expect(await statusOf(membership.renewNode({ namespace, node }))).toEqual({
      code: Code.FailedPrecondition,
      detail: "LEASE_LOST",
    });
  });

  test("joining over a live node of the same id waits up to the deadline, unless it replaces", async () => {
    await using served = await serve();
    const first = await join(served, "n1", 10_000);
    const call = served.membership.join({ namespace, id: "n1" }, { timeoutMs: 300 });
    expect(await statusOf(call)).toMatchObject({ code: Code.DeadlineExceeded });
    const { lease } = await served.membership.join({ namespace, id: "n1", replace: true });
    expect(lease?.epoch).not.toBe(first.epoch);
    const old = served.membership.renewNode({ namespace, node: { id: first.id, epoch: first.epoch } });
    expect(await statusOf(old)).toMatchObject({ detail: "LEASE_LOST" });
    const node = { id: first.id, epoch: first.epoch };
    const late = served.directory.acquire({ namespace, node, reference: robot("bob") });
    expect(await statusOf(late)).toEqual({ code: Code.FailedPrecondition, detail: "LEASE_LOST" });
  });

  test("a watch tells the present set, then each other one", async () => {
    await using served = await serve();
    const views = served.membership.watchNodes({ namespace })[Symbol.asyncIterator]();
    const next = async () => {
      const step = await views.next();
      if (step.done === true) throw new Error("the stream ended");
      return step.value;
    };
    const empty = await next();
    expect(empty.nodes).toEqual([]);
    const node = await join(served, "n1");
    const joined = await next();
    expect(joined.nodes).toMatchObject([{ id: "n1" }]);
    expect(joined.version).not.toBe(empty.version);
    await served.membership.leaveNode({ namespace, node: { id: node.id, epoch: node.epoch } });
    expect((await next()).version).toBe(empty.version);
    await views.return?.();
  });
});

describe("directory", () => {
  test("a conflict is a value, and a dead holder's lease goes over with a higher fence", async () => {
    await using served = await serve();
    const { directory } = served;
    const [one, two] = [await join(served, "n1", 300), await join(served, "n2")];
    const reference = robot("bob");
    const acquire = async (node: { readonly id: string; readonly epoch: string }) => {
      const { result } = await directory.acquire({ namespace, node: { id: node.id, epoch: node.epoch }, reference });
      if (result.case === undefined) throw new Error("no result");
      return result;
    };
    const first = await acquire(one);
    expect(first).toMatchObject({ case: "granted", value: { nodeId: "n1", epoch: one.epoch, reference } });
    const refused = await acquire(two);
    expect(refused).toMatchObject({ case: "held", value: { nodeId: "n1", fence: first.value.fence } });
    expect((await directory.lookup({ namespace, reference })).lease?.nodeId).toBe("n1");
    // n1 stops renewing.
    const taken = await eventually(async () => {
      const result = await acquire(two);
      return result.case === "granted" ? result.value : undefined;
    });
    expect(taken.fence).toBeGreaterThan(first.value.fence);
    expect((await directory.lookup({ namespace, reference })).lease).toMatchObject({
      nodeId: "n2",
      grant: taken.grant,
    });
    const grant = { reference, grant: first.value.grant };
    expect(await statusOf(directory.renewLease({ namespace, grant }))).toMatchObject({ detail: "LEASE_LOST" });
    expect((await directory.releaseLease({ namespace, grant })).released).toBe(false);
    const dead = directory.acquire({ namespace, node: { id: one.id, epoch: one.epoch }, reference: robot("eve") });
    expect(await statusOf(dead)).toEqual({ code: Code.FailedPrecondition, detail: "LEASE_LOST" });
    expect(served.logged.some(({ msg, node }) => msg === "lease: takeover" && node === "n2")).toBe(true);
  });

  test("a node that asks again supersedes its own grant", async () => {
    await using served = await serve();
    const { id, epoch } = await join(served, "n1");
    const request = { namespace, node: { id, epoch }, reference: robot("bob") };
    const first = await served.directory.acquire(request);
    const second = await served.directory.acquire(request);
    expect([first.result.case, second.result.case]).toEqual(["granted", "granted"]);
    expect(second.result.value?.fence).toBeGreaterThan(first.result.value?.fence ?? 0n);
  });

  test("a lease with an own ttl ends by itself, and is renewed by itself", async () => {
    await using served = await serve();
    const { id, epoch } = await join(served, "n1");
    const reference = robot("bob");
    const { result } = await served.directory.acquire({ namespace, node: { id, epoch }, reference, ttl: ttl(300) });
    if (result.case !== "granted") throw new Error("not granted");
    expect(result.value.ttl).toMatchObject({ nanos: 300_000_000 });
    const grant = { reference, grant: result.value.grant };
    const renewed = await served.directory.renewLease({ namespace, grant });
    expect(renewed.lease).toMatchObject({ fence: result.value.fence, grant: result.value.grant });
    await eventually(
      async () => (await served.directory.lookup({ namespace, reference })).lease === undefined || undefined,
    );
    expect(await statusOf(served.directory.renewLease({ namespace, grant }))).toMatchObject({ detail: "LEASE_LOST" });
    // Nobody of this server believed in it, so nothing of its own was lost.
    expect(served.logged.some(({ msg }) => msg === "lease: lost")).toBe(false);
  });

  test("many at once, each on its own, of every kind of key", async () => {
    await using served = await serve();
    const { directory } = served;
    const [one, two] = [await join(served, "n1"), await join(served, "n2")];
    const kinds = [
      { case: "stringKey", value: "" },
      { case: "stringKey", value: "0" },
      { case: "int32Key", value: -(2 ** 31) },
      { case: "int64Key", value: 2n ** 63n - 1n },
      { case: "noKey", value: {} },
    ] as const;
    const references = kinds.map((kind) => ({ type: "Ro\u0000bot/ü", key: { kind } }));
    const [third] = references.slice(2);
    await directory.acquire({ namespace, node: { id: two.id, epoch: two.epoch }, reference: third });
    const node = { id: one.id, epoch: one.epoch };
    const acquired = await directory.acquireMany({ namespace, node, references });
    expect(acquired.results.map(({ result }) => result.case)).toEqual([
      "granted",
      "granted",
      "held",
      "granted",
      "granted",
    ]);
    const looked = await directory.lookupMany({ namespace, references: [...references, robot("nobody")] });
    const nodes = looked.results.map(({ result }) => (result.case === "lease" ? result.value.nodeId : result.case));
    expect(nodes).toEqual(["n1", "n1", "n2", "n1", "n1", undefined]);

    const withKeyless = await directory.lookupMany({ namespace, references: [{ type: "Robot" }, ...references] });
    expect(withKeyless.results.map(({ result }) => result.case)).toEqual(["error", ...Array(5).fill("lease")]);
    const unread = await directory.releaseLeases({ namespace, grants: [{ grant: "0".repeat(32) }] });
    expect(unread.results[0]?.result.value).toMatchObject({ code: "INVALID_ARGUMENT" });

    const grants = acquired.results.map(({ result }, at) => ({
      reference: references[at],
      grant: result.case === "granted" ? result.value.grant : "0".repeat(32),
    }));
    const renewed = await directory.renewLeases({ namespace, grants });
    expect(renewed.results.map(({ result }) => (result.case === "error" ? result.value.code : result.case))).toEqual([
      "lease",
      "lease",
      "LEASE_LOST",
      "lease",
      "lease",
    ]);
    const listed = async (nodeId: string): Promise<number> => {
      let count = 0;
      for await (const { leases } of directory.listLeases({ namespace, nodeId })) count += leases.length;
      return count;
    };
    expect([await listed(""), await listed("n1"), await listed("n3")]).toEqual([5, 4, 0]);
    const released = await directory.releaseLeases({ namespace, grants });
    expect(released.results.map(({ result }) => result.value)).toEqual([true, true, false, true, true]);
    expect(await listed("")).toBe(1);
  });

  test("many nodes race for one addressable: one is granted", async () => {
    await using served = await serve();
    const nodes = await Promise.all(Array.from({ length: 20 }, (_, at) => join(served, `n${at}`)));
    const answers = await Promise.all(
      nodes.map(({ id, epoch }) =>
        served.directory.acquire({ namespace, node: { id, epoch }, reference: robot("bob") }),
      ),
    );
    const granted = answers.filter(({ result }) => result.case === "granted");
    expect(granted).toHaveLength(1);
    expect(new Set(answers.map(({ result }) => result.value?.grant)).size).toBe(1);
  });

  test("a thousand namespaces do not see each other, and the empty one is the server's own", async () => {
    await using served = await serve();
    const names = Array.from({ length: 1_100 }, (_, at) => `ns-${at}`);
    for (const name of names.slice(0, 3)) {
      const { id, epoch } = await join(served, "n1", 10_000, name);
      const { result } = await served.directory.acquire({
        namespace: name,
        node: { id, epoch },
        reference: robot("bob"),
      });
      expect(result.case).toBe("granted");
    }
    for (const name of names.slice(3)) await served.directory.lookup({ namespace: name, reference: robot("bob") });
    // The first ones gave way, and are made again from what is stored.
    expect((await served.directory.lookup({ namespace: "ns-0", reference: robot("bob") })).lease?.nodeId).toBe("n1");
    await join(served, "n2", 10_000, "production");
    expect((await served.membership.listNodes({ namespace: "" })).nodes.map(({ id }) => id)).toEqual(["n2"]);
  });
});

describe("bad input is refused with its reason, before anything is written", () => {
  const epoch = "0".repeat(32);
  const node = { id: "n1", epoch };
  const cases: readonly (readonly [string, (clients: Clients) => Promise<unknown>, Code, string | undefined])[] = [
    ["no id", ({ membership }) => membership.join({ namespace }), Code.InvalidArgument, "INVALID_ARGUMENT"],
    [
      "a ttl of nothing",
      ({ membership }) => membership.join({ namespace, id: "n", ttl: ttl(0) }),
      Code.InvalidArgument,
      "INVALID_ARGUMENT",
    ],
    [
      "a ttl of centuries",
      ({ membership }) => membership.join({ namespace, id: "n", ttl: ttl(1e13) }),
      Code.InvalidArgument,
      "INVALID_ARGUMENT",
    ],
    [
      "a status that none can give itself",
      ({ membership }) => membership.join({ namespace, id: "n", status: NodeStatus.STOPPED }),
      Code.InvalidArgument,
      "INVALID_ARGUMENT",
    ],
    [
      "a status from the future",
      ({ membership }) => membership.join({ namespace, id: "n", status: 99 as NodeStatus }),
      Code.InvalidArgument,
      "INVALID_ARGUMENT",
    ],
    ["no node", ({ membership }) => membership.renewNode({ namespace }), Code.InvalidArgument, "INVALID_ARGUMENT"],
    [
      "an epoch that is none",
      ({ directory }) => directory.acquire({ namespace, node: { id: "n", epoch: "x" }, reference: robot("bob") }),
      Code.InvalidArgument,
      "INVALID_ARGUMENT",
    ],
    [
      "no reference",
      ({ directory }) => directory.acquire({ namespace, node }),
      Code.InvalidArgument,
      "INVALID_ARGUMENT",
    ],
    [
      "a reference without key",
      ({ directory }) => directory.lookup({ namespace, reference: { type: "Robot" } }),
      Code.InvalidArgument,
      "INVALID_ARGUMENT",
    ],
    [
      "a grant that is none",
      ({ directory }) => directory.renewLease({ namespace, grant: { reference: robot("bob"), grant: "../x" } }),
      Code.InvalidArgument,
      "INVALID_ARGUMENT",
    ],
    [
      "the servers' own namespace",
      ({ membership }) => membership.join({ namespace: "management", id: "intruder" }),
      Code.InvalidArgument,
      "INVALID_ARGUMENT",
    ],
    [
      "a life that never was",
      ({ directory }) => directory.acquire({ namespace, node, reference: robot("bob") }),
      Code.FailedPrecondition,
      "LEASE_LOST",
    ],
    [
      "more than a request may ask",
      ({ directory }) =>
        directory.lookupMany({ namespace, references: Array.from({ length: 10_001 }, () => robot("b")) }),
      Code.InvalidArgument,
      "TOO_LARGE",
    ],
    [
      "a message above the limit",
      ({ directory }) => directory.lookup({ namespace, reference: robot("x".repeat(300_000)) }),
      Code.ResourceExhausted,
      undefined,
    ],
  ];

  test.each(cases)("%s", async (_, call, code, detail) => {
    await using served = await serve({ maxMessageBytes: 256 * 1024 });
    expect(await statusOf(call(served))).toEqual({ code, detail });
    expect((await served.membership.listNodes({ namespace })).nodes).toEqual([]);
  });

  test("a method that is not there", async () => {
    await using served = await serve();
    const { connect: open } = await import("node:http2");
    const session = open(served.server.address.grpc);
    const stream = session.request({
      ":method": "POST",
      ":path": "/orbit.directory.v1.Nothing/At",
      "content-type": "application/grpc",
    });
    stream.end();
    const headers = await new Promise<Record<string, unknown>>((resolve) => stream.once("response", resolve));
    expect(headers).toMatchObject({ ":status": 200, "grpc-status": "12" });
    session.destroy();
  });
});

test("a deadline that has passed ends a call with its own status", async () => {
  await using served = await serve();
  await join(served, "n1");
  const start = performance.now();
  const call = served.membership.join({ namespace, id: "n1" }, { timeoutMs: 150 });
  expect((await statusOf(call)).code).toBe(Code.DeadlineExceeded);
  expect(performance.now() - start).toBeLessThan(2_000);
});
