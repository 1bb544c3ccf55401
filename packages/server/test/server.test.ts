import { createServer } from "node:net";

import { Code, ConnectError } from "@connectrpc/connect";
import type { Health } from "@orbit/persistence";
import { DirectoryService, ErrorDetailSchema, HealthCheckResponse_ServingStatus as Serving } from "@orbit/proto";
import { describe, expect, test } from "vitest";

import { OrbitServer } from "../src/index.ts";
import { eventually, mapProvider, robot, serve, ttl } from "./harness.ts";

const healthy: Health = { status: "healthy", latencyMs: 0 };

/** Reads one after the other from a stream. */
function reader<T>(stream: AsyncIterable<T>): () => Promise<T> {
  const steps = stream[Symbol.asyncIterator]();
  return async () => {
    const step = await steps.next();
    if (step.done === true) throw new Error("the stream ended");
    return step.value;
  };
}

describe("health", () => {
  test("serving while both stores are healthy, for the services that are here", async () => {
    let now: Health = healthy;
    await using served = await serve({ provider: mapProvider(async () => now) });
    const { health } = served;
    expect((await health.check({})).status).toBe(Serving.SERVING);
    for (const service of [
      DirectoryService.typeName,
      "orbit.shared.NodeManagement",
      "orbit.shared.AddressableManagement",
    ]) {
      expect((await health.check({ service })).status).toBe(Serving.SERVING);
    }
    await expect(health.check({ service: "nothing" })).rejects.toMatchObject({ code: Code.NotFound });
    expect(await reader(health.watch({ service: "nothing" }))()).toMatchObject({ status: Serving.SERVICE_UNKNOWN });

    const next = reader(health.watch({}));
    expect(await next()).toMatchObject({ status: Serving.SERVING });
    now = { status: "unhealthy", cause: "the disk is gone", latencyMs: 1 };
    const turned = next();
    const refused = await eventually(async () => {
      const answer = await served.get("/readyz");
      return answer.status === 503 ? answer : undefined;
    });
    expect(refused.json()).toEqual({ ready: false, draining: false, stores: { main: now } });
    expect(await turned).toMatchObject({ status: Serving.NOT_SERVING });
    expect((await served.get("/healthz")).status).toBe(200);

    now = { status: "degraded", cause: "nearly full", latencyMs: 1 };
    expect(await next()).toMatchObject({ status: Serving.SERVING });
    expect((await served.get("/readyz")).status).toBe(200);
  });

  test("a check that throws is unhealthy, with its cause", async () => {
    let fails = false;
    const provider = mapProvider(async () => {
      if (fails) throw new Error("no such thing");
      return healthy;
    });
    await using served = await serve({ provider });
    fails = true;
    const { stores } = await eventually(async () => {
      const answer = await served.get("/api/v1/health");
      const state = answer.json() as { readonly ready: boolean; readonly stores: unknown };
      return state.ready ? undefined : state;
    });
    expect(stores).toMatchObject({ main: { status: "unhealthy", cause: expect.stringContaining("[INTERNAL]") } });
  });
});

describe("the admin address", () => {
  test("shows nodes and leases, in pages, with fences as text and without grants", async () => {
    await using served = await serve();
    const { lease: node } = await served.membership.join({ id: "n1", url: "http://n1", ttl: ttl(60_000) });
    const references = [
      ...Array.from({ length: 5 }, (_, at) => robot(`bob-${at}`)),
      { type: "Counter", key: { kind: { case: "int64Key", value: 2n ** 53n + 1n } } } as const,
    ];
    const life = { id: "n1", epoch: node?.epoch ?? "" };
    const { results } = await served.directory.acquireMany({ node: life, references });
    expect(results.every(({ result }) => result.case === "granted")).toBe(true);

    expect((await served.get("/api/v1/nodes?active=true")).json()).toEqual({
      nodes: [
        {
          namespace: "production",
          ...life,
          url: "http://n1",
          status: "active",
          ttlMs: 60_000,
          addressableTypes: [],
          metadata: {},
        },
      ],
    });
    const seen: unknown[] = [];
    for (let path: string | undefined = "/api/v1/leases?limit=4"; path !== undefined;) {
      const page = (await served.get(path)).json() as { readonly leases: readonly unknown[]; readonly next?: string };
      expect(page.leases.length).toBeLessThanOrEqual(4);
      seen.push(...page.leases);
      path = page.next === undefined ? undefined : `/api/v1/leases?limit=4&after=${page.next}`;
    }
    expect(seen).toHaveLength(6);
    expect(seen[0]).toEqual({
      namespace: "production",
      type: "Counter",
      key: { kind: "int64", value: "9007199254740993" },
      node: "n1",
      epoch: life.epoch,
      fence: "1",
    });
    expect(JSON.stringify(seen)).not.toContain("grant");
    expect((await served.get("/api/v1/leases?node=n2")).json()).toEqual({ leases: [] });
    const one = await served.get("/api/v1/lease?type=Counter&kind=int64&key=9007199254740993");
    expect(one.json()).toEqual({ lease: seen[0] });
    expect((await served.get("/api/v1/lease?type=Robot&key=nobody")).json()).toEqual({ lease: null });
  });

  test.each([
    ["/api/v1/leases?limit=0", 400],
    ["/api/v1/leases?limit=many", 400],
    ["/api/v1/leases?after=%00nonsense", 400],
    ["/api/v1/lease", 400],
    ["/api/v1/lease?type=R&kind=int32&key=3000000000", 400],
    ["/api/v1/lease?type=R&kind=uuid&key=1", 400],
    ["/api/v2/nodes", 404],
    ["//", 404],
  ])("%s is answered %i with what is wrong", async (path, status) => {
    await using served = await serve();
    const answer = await served.get(path);
    expect(answer.status).toBe(status);
    expect(answer.json()).toMatchObject({ error: { code: expect.any(String), message: expect.any(String) } });
  });

  test("only reads", async () => {
    await using served = await serve();
    const response = await fetch(`${served.server.address.admin}/api/v1/nodes`, { method: "POST" });
    expect([response.status, response.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
    const head = await fetch(`${served.server.address.admin}/healthz`, { method: "HEAD" });
    expect([head.status, await head.text()]).toEqual([200, ""]);
  });

  test("shows metrics of calls, stores, leases and nodes", async () => {
    await using served = await serve();
    const { lease: node } = await served.membership.join({ id: "n1" });
    await served.directory.acquire({ node: { id: "n1", epoch: node?.epoch ?? "" }, reference: robot("the-key") });
    const { text } = await served.get("/metrics");
    for (const line of [
      /^orbit_rpc_duration_seconds_count\{.*method="Acquire",code="ok"\} [1-9]/m,
      /^orbit_store_operation_duration_seconds_count\{provider="btree",operation="put",outcome="ok"\} [1-9]/m,
      /^orbit_persistence_read_operations\{store="main",provider="btree"\} [1-9]/m,
      /^orbit_lease_acquired_total\{provider="btree"\} [1-9]/m,
      /^orbit_nodes\{status="active"\} [1-9]/m,
      /^orbit_health_status\{provider="btree",status="healthy"\} 1$/m,
    ]) {
      expect(text).toMatch(line);
    }
    expect(text).not.toContain("the-key");
  });

  test("shows the configuration and the server itself", async () => {
    await using served = await serve();
    expect((await served.get("/api/v1/config")).json()).toMatchObject({
      server: { namespace: "production", nodeId: "server-1", maxMessageBytes: 4 * 1024 * 1024 },
      persistence: { defaults: { addressable: "main", cluster: "main" }, providers: { main: { provider: "btree" } } },
    });
    const { nodes } = await eventually(async () => {
      const found = (await served.get("/api/v1/nodes?namespace=management")).json() as { nodes: readonly unknown[] };
      return found.nodes.length > 0 ? found : undefined;
    });
    expect(nodes).toMatchObject([{ id: "server-1", status: "active", url: served.server.address.grpc }]);
  });
});

describe("stopping", () => {
  test("nothing new is granted, what is under way finishes, then everything is closed", async () => {
    await using served = await serve();
    const { membership, directory, health, server } = served;
    const { lease: node } = await membership.join({ id: "n1", ttl: ttl(1_000) });
    const life = { id: "n1", epoch: node?.epoch ?? "" };
    // Waits until the life of the same id has ended: a call under way.
    const underWay = membership.join({ id: "n1" });
    const [views, states] = [reader(membership.watchNodes({})), reader(health.watch({}))];
    await Promise.all([views(), states()]);
    const admin = server.address.admin;

    const stopped = server.stop();
    expect(await states()).toMatchObject({ status: Serving.NOT_SERVING });
    await expect(states()).rejects.toMatchObject({ code: Code.Unavailable });
    await expect(views()).rejects.toMatchObject({ code: Code.Unavailable });
    const ready = await fetch(`${admin}/readyz`);
    expect([ready.status, await ready.json()]).toMatchObject([503, { ready: false, draining: true }]);
    expect((await health.check({})).status).toBe(Serving.NOT_SERVING);
    for (const call of [
      membership.join({ id: "n2" }),
      directory.acquire({ node: life, reference: robot("bob") }),
      directory.acquireMany({ node: life, references: [robot("bob")] }),
    ]) {
      const error = ConnectError.from(await call.catch((cause: unknown) => cause));
      expect(error.code).toBe(Code.Unavailable);
      expect(error.findDetails(ErrorDetailSchema)).toMatchObject([{ code: "UNAVAILABLE", retryable: true }]);
    }
    expect((await underWay).lease?.epoch).not.toBe(life.epoch);
    await stopped;

    await expect(directory.lookup({ reference: robot("bob") })).rejects.toMatchObject({ code: Code.Unavailable });
    await expect(fetch(`${admin}/healthz`)).rejects.toThrow("fetch failed");
    await expect(server.persistenceRegistry.store("main")).rejects.toThrow("CLOSED");
    await expect(server.start()).rejects.toThrow("CLOSED");
    expect(served.logged.at(-1)?.["msg"]).toBe("stopped");
  });

  test("calls that the drain timeout finds are cut off", async () => {
    await using served = await serve({ drainTimeoutMs: 200 });
    await served.membership.join({ id: "n1", ttl: ttl(60_000) });
    const underWay = served.membership.join({ id: "n1" });
    const failed = underWay.catch((error: unknown) => ConnectError.from(error).code);
    await eventually(async () => (await served.get("/healthz")).status === 200 || undefined);
    const start = performance.now();
    await served.server.stop();
    expect(performance.now() - start).toBeLessThan(5_000);
    expect(await failed).toBe(Code.Unavailable);
  });

  test("the server leaves the others at once", async () => {
    const provider = mapProvider(async () => healthy);
    await using one = await serve({ provider, nodeId: "one" });
    await using two = await serve({ provider, nodeId: "two" });
    const listed = async (): Promise<string> => {
      const { text } = await two.get("/api/v1/nodes?namespace=management&active=true");
      return (JSON.parse(text) as { nodes: readonly { readonly id: string }[] }).nodes.map(({ id }) => id).join();
    };
    await eventually(async () => ((await listed()) === "one,two" ? true : undefined));
    await one.server.stop();
    expect(await listed()).toBe("two");
  });
});

describe("starting", () => {
  test("a port in use is one sentence with the mend, and nothing stays open", async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    const address = other.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const refused = serve({ port });
    await expect(refused).rejects.toThrow(
      `[INVALID_CONFIG] gRPC can't listen on 127.0.0.1:${port}: the port is in use; stop the other program or set port ` +
        "(ORBIT_PORT) to a free one",
    );
    await expect(serve({ adminPort: port })).rejects.toThrow("admin_port (ORBIT_ADMIN_PORT)");
    await expect(serve({ host: "192.0.2.1" })).rejects.toThrow("set host to one that it has");
    other.close();
  });

  test("a store on which a grant can be undone is refused, unless that is accepted, with a warning", async () => {
    const strong = mapProvider(async () => healthy);
    const provider = {
      ...strong,
      create: (options: object) => {
        const driver = strong.create(options);
        return { ...driver, capabilities: { ...driver.capabilities, durability: "none" as const } };
      },
    };
    await expect(serve({ provider })).rejects.toThrow("allow_weak");
    await using served = await serve({ provider, allowWeak: true });
    expect(served.logged.find(({ msg }) => String(msg).startsWith("allow_weak"))).toMatchObject({
      level: 40,
      durability: "none",
      msg: expect.stringContaining("granted twice"),
    });
  });

  test("all wrong options are named at once, before anything is opened", async () => {
    const build = OrbitServer.builder().withOptions({ port: 70_000, host: "", drainTimeoutMs: -1 }).build();
    await expect(build).rejects.toThrow(/port.*host|host.*port/s);
    await expect(build).rejects.toThrow("drainTimeoutMs");
    await expect(OrbitServer.builder().build()).rejects.toThrow("withPersistence");
  });

  test("a stop while starting lets the start finish, and closes all", async () => {
    await using served = await serve();
    const { options, persistenceRegistry } = served.server;
    expect([options.nodeId, persistenceRegistry.names()]).toEqual(["server-1", ["main"]]);
    const object = { providers: { a: { provider: mapProvider(async () => healthy) } } };
    const server = await OrbitServer.builder()
      .withPersistence({ object })
      .withOptions({ logLevel: "silent", port: 0, adminPort: 0 })
      .build();
    const starting = server.start();
    await Promise.all([starting, server.stop()]);
    expect(() => server.address).toThrow("CLOSED");
    await expect(server.persistenceRegistry.store("a")).rejects.toThrow("CLOSED");
  });

  test("stores without a default for each part are refused", async () => {
    const provider = mapProvider(async () => healthy);
    const object = { providers: { a: { provider }, b: { provider } } };
    const server = await OrbitServer.builder().withPersistence({ object }).withOptions({ logLevel: "silent" }).build();
    await expect(server.start()).rejects.toThrow("set addressable and cluster");
  });

  test("the registry is there for whoever runs the server", async () => {
    await using served = await serve();
    const leases = await served.server.persistenceRegistry.directory(undefined, { namespace: "production" });
    expect(leases.namespace).toBe("production");
  });
});

test("what is expired is swept, in every namespace, by one server", async () => {
  await using served = await serve({ sweepIntervalMs: 100 });
  const { lease: node } = await served.membership.join({ namespace: "far", id: "n1", ttl: ttl(200) });
  await served.directory.acquire({
    namespace: "far",
    node: { id: "n1", epoch: node?.epoch ?? "" },
    reference: robot("bob"),
  });
  await eventually(async () => {
    const { nodes } = await served.membership.listNodes({ namespace: "far" });
    return nodes.length === 0 ? true : undefined;
  });
});
