import { createServer } from "node:net";
import { join } from "node:path";

import { type Client, Code, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { DirectoryService, MembershipService } from "@orbit/proto";
import { expect, test } from "vitest";

import { eventually, folder, orbit, type Process, start } from "./harness.ts";

interface Clients {
  readonly membership: Client<typeof MembershipService>;
  readonly directory: Client<typeof DirectoryService>;
}

function connect({ grpc }: Process): Clients {
  const transport = createGrpcTransport({ baseUrl: grpc });
  return {
    membership: createClient(MembershipService, transport),
    directory: createClient(DirectoryService, transport),
  };
}

const references = Array.from({ length: 50 }, (_, at) => {
  return { type: "Robot", key: { kind: { case: "int32Key", value: at } } } as const;
});
const seconds = (count: number) => ({ seconds: BigInt(count), nanos: 0 });

test("killed and started again, it knows every lease and grants no key twice", { timeout: 60_000 }, async () => {
  using place = folder();
  const fences: bigint[] = [];
  let one: { readonly id: string; readonly epoch: string };
  {
    await using first = await start(place.path);
    const { membership, directory } = connect(first);
    const { lease } = await membership.join({ id: "n1", ttl: seconds(6) });
    one = { id: "n1", epoch: lease?.epoch ?? "" };
    const { results } = await directory.acquireMany({ node: one, references });
    for (const { result } of results) if (result.case === "granted") fences.push(result.value.fence);
    first.child.kill("SIGKILL");
    expect(await first.ended).toBe("SIGKILL");
  }
  expect(fences).toHaveLength(references.length);

  await using second = await start(place.path);
  const { membership, directory } = connect(second);
  const { results: known } = await directory.lookupMany({ references });
  expect(known.map(({ result }) => result.case === "lease" && result.value.fence)).toEqual(fences);
  expect((await membership.renewNode({ node: one })).lease?.epoch).toBe(one.epoch);
  const { lease } = await membership.join({ id: "n2", ttl: seconds(60) });
  const two = { id: "n2", epoch: lease?.epoch ?? "" };
  const { results: refused } = await directory.acquireMany({ node: two, references });
  expect(refused.map(({ result }) => result.case === "held" && result.value.fence)).toEqual(fences);

  // n1 renews no more: all goes over, each with a higher fence.
  const taken = await eventually(async () => {
    const { results } = await directory.acquireMany({ node: two, references });
    return results.every(({ result }) => result.case === "granted") ? results : undefined;
  });
  taken.forEach(({ result }, at) => {
    expect(result.case === "granted" && result.value.fence > (fences[at] ?? 0n)).toBe(true);
  });
});

test("SIGTERM: not ready at once, nothing new, what is under way finishes, exit 0", { timeout: 60_000 }, async () => {
  using place = folder();
  await using server = await start(place.path);
  const { membership, directory } = connect(server);
  const { lease } = await membership.join({ id: "n1", ttl: seconds(2) });
  const node = { id: "n1", epoch: lease?.epoch ?? "" };
  const underWay = membership.join({ id: "n1" });
  await eventually(async () => ((await fetch(`${server.admin}/readyz`)).status === 200 ? true : undefined));
  server.child.kill("SIGTERM");
  await eventually(async () => ((await fetch(`${server.admin}/readyz`)).status === 503 ? true : undefined));
  await expect(directory.acquire({ node, reference: references[0] })).rejects.toMatchObject({ code: Code.Unavailable });
  expect((await underWay).lease?.epoch).not.toBe(node.epoch);
  expect(await server.ended).toBe(0);
  expect(server.said()).toContain('"msg":"stopped"');
});

test("a second signal ends it at once", { timeout: 60_000 }, async () => {
  using place = folder();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    await using server = await start(place.path);
    const { membership } = connect(server);
    await membership.join({ id: signal, ttl: seconds(60) });
    const cut = membership.join({ id: signal }).catch((error: unknown) => error);
    await eventually(async () => ((await fetch(`${server.admin}/healthz`)).ok ? true : undefined));
    server.child.kill(signal);
    await eventually(async () => (server.said().includes("stopping") ? true : undefined));
    server.child.kill(signal);
    // A shell tells it as 128 and the number of the signal.
    expect(await server.ended).toBe(signal);
    expect(await cut).toBeInstanceOf(Error);
  }
});

test("two signals at once end it, though the first has just begun to write that the node leaves", async () => {
  for (let round = 0; round < 3; round += 1) {
    using place = folder();
    await using server = await start(place.path);
    await eventually(async () => (server.said().includes("node: joined") ? true : undefined));
    // Two of the same might be delivered as one.
    server.child.kill("SIGTERM");
    server.child.kill("SIGINT");
    // Which of the two comes second is the system's affair.
    expect(["SIGTERM", "SIGINT"]).toContain(await server.ended);
  }
});

test("a port in use is one sentence on standard error, and exit 1", async () => {
  using place = folder();
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  const address = other.address();
  const port = String(typeof address === "object" && address !== null ? address.port : 0);
  const env = { ORBIT_DATA_DIR: join(place.path, "data") };
  const { code, err } = await orbit(["serve", "--admin-port", "0", "--port", port], { env });
  other.close();
  expect(code).toBe(1);
  expect(err).toBe(
    `orbit: [INVALID_CONFIG] gRPC can't listen on 127.0.0.1:${port}: the port is in use; stop the other program or set ` +
      "port (ORBIT_PORT) to a free one\n",
  );
});

test("a directory in use names the process that has it", { timeout: 60_000 }, async () => {
  using place = folder();
  await using server = await start(place.path);
  await expect(start(place.path)).rejects.toThrow(`is open in process ${server.child.pid}`);
  const env = { ORBIT_DATA_DIR: join(place.path, ".orbit", "data") };
  const { code, out } = await orbit(["doctor"], { env });
  expect(code).toBe(1);
  expect(out).toContain(`is open in process ${server.child.pid}`);
  expect(out).toContain("mend: this data is in use");
});

test("the log levels", { timeout: 60_000 }, async () => {
  using place = folder();
  await using server = await start(place.path, [], { ORBIT_LOG_LEVEL: "debug" });
  const { membership } = connect(server);
  await membership.listNodes({});
  await eventually(async () => {
    const call = /\{"level":"debug",.*"call":"orbit\.directory\.v1\.MembershipService\.ListNodes","code":"ok"/;
    return call.test(server.said()) ? true : undefined;
  });
});
