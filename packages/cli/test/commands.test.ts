import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { provider } from "@orbit/persistence-btree";
import { DirectoryService, MembershipService } from "@orbit/proto";
import { OrbitServer } from "@orbit/server";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { eventually, folder, orbit } from "./harness.ts";

describe("nodes and leases of a running server", () => {
  const place = folder();
  let server: OrbitServer;
  let epoch: string;

  beforeAll(async () => {
    server = await OrbitServer.builder()
      .withOptions({ port: 0, adminPort: 0, nodeId: "server-1", logLevel: "silent" })
      .withPersistence({ url: `btree://${join(place.path, "data")}` }, { providers: [provider] })
      .build();
    await server.start();
    const transport = createGrpcTransport({ baseUrl: server.address.grpc });
    const ttl = { seconds: 60n, nanos: 0 };
    const { lease } = await createClient(MembershipService, transport).join({
      id: "n1",
      url: "http://n1",
      addressableTypes: ["Robot"],
      ttl,
    });
    epoch = lease?.epoch ?? "";
    await createClient(DirectoryService, transport).acquireMany({
      node: { id: "n1", epoch },
      references: [
        { type: "Robot", key: { kind: { case: "stringKey", value: "bob\u001B[31m" } } },
        { type: "Count", key: { kind: { case: "int64Key", value: -5n } } },
        { type: "Only", key: { kind: { case: "noKey", value: {} } } },
      ],
    });
  });

  afterAll(async () => {
    await server.stop();
    place[Symbol.dispose]();
  });

  const ask = (...args: readonly string[]) => orbit([...args, "--admin", server.address.admin]);

  test("nodes as a table", async () => {
    expect(await ask("nodes")).toEqual({
      code: 0,
      err: "",
      out: "ID  STATUS  URL        TTL   TYPES\nn1  active  http://n1  60 s  Robot\n",
    });
    expect((await ask("nodes", "--namespace", "empty")).out).toBe("No nodes.\n");
  });

  test("nodes as JSON", async () => {
    expect(JSON.parse((await ask("nodes", "--active", "--json")).out)).toEqual({
      nodes: [
        {
          namespace: "default",
          id: "n1",
          epoch,
          url: "http://n1",
          status: "active",
          ttlMs: 60_000,
          addressableTypes: ["Robot"],
          metadata: {},
        },
      ],
    });
  });

  test("leases as a table, with nothing that a terminal would obey", async () => {
    const { out } = await ask("leases");
    expect(out).toBe(
      [
        "ADDRESSABLE             NODE  FENCE  TTL",
        "Count(-5)               n1    1      with its node",
        "Only()                  n1    1      with its node",
        'Robot("bob\\u001b[31m")  n1    1      with its node',
        "",
      ].join("\n"),
    );
    expect((await ask("leases", "--node", "n2")).out).toBe("No leases.\n");
  });

  test("leases as JSON, page after page", async () => {
    const first = JSON.parse((await ask("leases", "--limit", "2", "--json")).out) as {
      readonly leases: readonly { readonly type: string; readonly fence: unknown }[];
      readonly next: string;
    };
    expect(first.leases.map(({ type, fence }) => [type, fence])).toEqual([
      ["Count", "1"],
      ["Only", "1"],
    ]);
    const rest = JSON.parse((await ask("leases", "--after", first.next, "--json")).out) as typeof first;
    expect(rest.leases.map(({ type }) => type)).toEqual(["Robot"]);
    expect(rest.next).toBeUndefined();
    expect((await ask("leases", "--limit", "1")).out).toContain("There are more: --after ");
  });

  test("a watch shows a change, and ends when asked to", async () => {
    const asked = new AbortController();
    let seen = "";
    const onOut = (text: string): void => void (seen += text);
    const watching = orbit(["nodes", "--watch", "--admin", server.address.admin], { signal: asked.signal, onOut });
    const shows = (id: string) => eventually(async () => (seen.includes(`${id}  active`) ? true : undefined));
    await shows("n1");
    const transport = createGrpcTransport({ baseUrl: server.address.grpc });
    await createClient(MembershipService, transport).join({ id: "n2" });
    await shows("n2");
    asked.abort();
    expect((await watching).code).toBe(0);
    expect(seen.split("ID")).toHaveLength(3);
  });

  test("an admin address that is none", async () => {
    const refused = await orbit(["nodes", "--admin", "http://127.0.0.1:1"]);
    expect(refused).toMatchObject({ code: 1, out: "" });
    expect(refused.err).toMatch(/^orbit: the server at .* can't be reached: start it with 'orbit serve'/);
    expect((await orbit(["nodes", "--admin", "n1"])).err).toContain("is no address of a server");
    const elsewhere = await orbit(["leases"], { env: { ORBIT_ADMIN: server.address.grpc } });
    expect(elsewhere.code).toBe(1);
  });
});

describe("doctor", () => {
  test("tells what each store promises", async () => {
    using place = folder();
    const env = { ORBIT_DATA_DIR: join(place.path, "data") };
    const { code, out } = await orbit(["doctor"], { env });
    expect(code).toBe(0);
    expect(out).toContain("btree: consistency linearizable, durability disk, scope host, fencing total");
    expect(out).toContain("clock rule server-age");
    expect(out).toContain("0 wrong, 0 to look at");
    const { healthy, findings } = JSON.parse((await orbit(["doctor", "--json"], { env })).out) as {
      readonly healthy: boolean;
      readonly findings: readonly { readonly status: string }[];
    };
    expect([healthy, findings.every(({ status }) => status === "ok")]).toEqual([true, true]);
  });

  test("names every fault of a configuration", async () => {
    using place = folder();
    const config = join(place.path, "orbit.toml");
    writeFileSync(config, '[server]\nprot = 1\n\n[providers.a]\ntype = "Redsi"\n');
    const { code, out } = await orbit(["doctor", "--config", config]);
    expect(code).toBe(1);
    expect(out).toMatch(/FAIL {2}configuration: server\.prot: .*port/);
    expect(out).toMatch(/FAIL {2}configuration: providers\.a.*Redis/);
  });

  test("warns of what a weak store would cost", async () => {
    using place = folder();
    const config = join(place.path, "orbit.json");
    const document = { providers: { main: { type: "Memory" } } };
    writeFileSync(config, JSON.stringify(document));
    const refused = await orbit(["doctor", "--config", config]);
    expect(refused.code).toBe(1);
    expect(refused.out).toMatch(/FAIL {2}store main strength: the server refuses it/);
    writeFileSync(config, JSON.stringify({ ...document, allow_weak: true }));
    const accepted = await orbit(["doctor", "--config", config]);
    expect(accepted.code).toBe(0);
    expect(accepted.out).toMatch(/warn {2}store main strength: .*granted twice/);
  });

  test("a store that can't be opened is told with its mend", async () => {
    using place = folder();
    const path = join(place.path, "file");
    writeFileSync(path, "not a directory");
    const { code, out } = await orbit(["doctor"], { env: { ORBIT_DATA_DIR: path } });
    expect(code).toBe(1);
    expect(out).toMatch(/FAIL {2}store embedded: .*\n {6}mend: /);
  });
});

describe("conformance", () => {
  test("proves a store of a URL and writes its report", async () => {
    using place = folder();
    const output = join(place.path, "conformance.json");
    const args = ["conformance", "memory:", "--filter", "Lists", "--output", output];
    const { code, out } = await orbit(args);
    expect(code).toBe(0);
    expect(out).toMatch(/^memory is not complete: \d+ laws, 0 broken/m);
    expect(JSON.parse(readFileSync(output, "utf8"))).toMatchObject({ provider: "memory", conformant: false });
    mkdirSync(join(place.path, "data"));
    const disk = await orbit(["conformance", `btree://${join(place.path, "data")}`, "--filter", "Lists", "--json"]);
    expect(JSON.parse(disk.out)).toMatchObject({ provider: "btree" });
  });

  test("a URL of nothing", async () => {
    const { code, err } = await orbit(["conformance", "btre:///tmp/x"]);
    expect(code).toBe(1);
    expect(err).toContain("btree");
  });
});
