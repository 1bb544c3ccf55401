import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { buildGoClient, goClient, stepsOf } from "./lib/go-client.ts";
import { type OrbitProcess, startOrbit } from "./lib/orbit-server.ts";

const folder = mkdtempSync(join(tmpdir(), "orbit-grpc-go-"));
let server: OrbitProcess;

beforeAll(async () => {
  await buildGoClient();
  server = await startOrbit(folder);
});

afterAll(async () => {
  await server?.kill();
  rmSync(folder, { recursive: true });
});

const lost = {
  status: "FailedPrecondition",
  code: "LEASE_LOST",
  retryable: false,
  outcome: "OUTCOME_NONE",
};
const invalid = {
  status: "InvalidArgument",
  code: "INVALID_ARGUMENT",
  retryable: false,
  outcome: "OUTCOME_NONE",
};
const tooLarge = { ...invalid, code: "TOO_LARGE" };

test("a node in Go joins, renews, holds 1,000 addressables, stops renewing and loses them to a higher fence", async () => {
  const seen = await stepsOf("lifecycle", server.grpc);

  expect(seen.get("watch before")).toMatchObject({ nodes: [] });
  expect(seen.get("joined")).toMatchObject({
    epoch: expect.stringMatching(/^[0-9a-f]{32}$/),
    ttlMs: 1500,
    renewWithinMs: 500,
  });
  expect(seen.get("watch joined")).toMatchObject({ nodes: ["first"] });
  expect(seen.get("watch both")).toMatchObject({ nodes: ["first", "second"] });

  const all = { inOrder: 1000, distinctGrants: 1000, lookedUp: 1000, listed: 1000, renewed: 1000 };
  expect(seen.get("held")).toMatchObject(all);
  expect(seen.get("refused")).toMatchObject({ holder: "first", sameFence: true, asHeld: 1000 });

  const taken = seen.get("taken over");
  expect(taken).toMatchObject({ holder: "second" });
  // Not before the ttl has passed since the last renewal was sent, and soon after.
  expect(taken?.["refusals"]).toBeGreaterThan(10);
  expect(taken?.["afterMs"]).toBeGreaterThanOrEqual(1500);
  expect(taken?.["afterMs"]).toBeLessThan(3000);
  expect(taken?.["fence"]).toBeGreaterThan(Number(taken?.["oldFence"]));
  expect(seen.get("taken over all")).toMatchObject({ higher: 1000 });
  expect(seen.get("watch lost")).toMatchObject({ nodes: ["second"] });

  expect(seen.get("late renewal of the lease")).toMatchObject(lost);
  expect(seen.get("late renewal of the node")).toMatchObject(lost);
  expect(seen.get("late acquire")).toMatchObject(lost);
  expect(seen.get("late release")).toMatchObject({ released: false, holder: "second" });
  expect(seen.get("late leave")).toMatchObject({ left: false, failed: false });
}, 60_000);

test("every wrong call ends in the status and the detail that tell what to do, and changes nothing", async () => {
  const seen = await stepsOf("faults", server.grpc);
  const expected = {
    "another epoch": lost,
    "a malformed epoch": invalid,
    "an unknown node": lost,
    "no node": invalid,
    "an acquire under another epoch": lost,
    "no reference": invalid,
    "a reference without key": invalid,
    "a grant that was never given": lost,
    "a malformed grant": invalid,
    "a node without id": invalid,
    "a ttl of nothing": invalid,
    "a node that stops itself by an update": invalid,
    "the servers' own namespace": invalid,
    "too many references": tooLarge,
    "a key over the limit": tooLarge,
    "a message over the limit": { status: "ResourceExhausted" },
    // What gRPC itself prescribes for bytes that can't be read.
    "text that is not UTF-8": { status: "Internal" },
    "bytes that are no message": { status: "Internal" },
    "an unknown method": { status: "Unimplemented" },
    "joining over a live node until the deadline": { status: "DeadlineExceeded", code: "TIMEOUT", retryable: true },
    "a call given up": { status: "Canceled" },
    "one bad among good": { results: ["granted", "TOO_LARGE", "granted"] },
    afterwards: { nodes: 1, epochKept: true, held: 2 },
  };
  expect(Object.fromEntries(seen)).toMatchObject(expected);
  expect([...seen.keys()]).toEqual(expect.arrayContaining(Object.keys(expected)));
  expect(seen.size).toBe(Object.keys(expected).length);
});

test("a server that is killed and started again knows every lease and grants none twice", async () => {
  let ledger: unknown;
  for await (const line of goClient("storm", server.grpc)) {
    if (line.step === "granted" && line["count"] === 500) await server.kill();
    ledger = line["ledger"];
  }
  const { Acknowledged: acknowledged, InDoubt: inDoubt } = ledger as {
    readonly Acknowledged: readonly unknown[];
    readonly InDoubt: readonly unknown[];
  };
  expect(acknowledged.length).toBeGreaterThanOrEqual(500);
  expect(inDoubt).toHaveLength(8);

  server = await startOrbit(folder);
  const seen = await stepsOf("survivors", server.grpc, { input: JSON.stringify(ledger) });
  const all = acknowledged.length;
  expect(seen.get("still held")).toMatchObject({ acknowledged: all, known: all, refused: all, granted: 0 });
  // Each call that was cut was granted to its own node or to nobody.
  expect(seen.get("in doubt")).toMatchObject({ asked: 8, regranted: 8 });
  expect(seen.get("the node lives on")).toMatchObject({ renewed: true });
  expect(seen.get("the leases live on")).toMatchObject({ renewed: all });
  expect(seen.get("fences go on above")).toMatchObject({ higher: all });
}, 60_000);

test("the server ends at SIGTERM with code 0", async () => {
  expect(await stepsOf("health", server.grpc)).toEqual(new Map([["health", { step: "health", status: "SERVING" }]]));
  expect(await server.stop()).toBe(0);
});

test("with certificates, only clients of the authority are heard", async () => {
  const secret = join(folder, "tls");
  mkdirSync(secret);
  await stepsOf("certificates", secret);
  const files = { cert: "both.crt", key: "both.key", ca: "ca.crt" };
  const lines = Object.entries(files).map(([name, file]) => `${name} = ${JSON.stringify(join(secret, file))}\n`);
  const secured = await startOrbit(secret, `[server.tls]\n${lines.join("")}`);
  const hello = async (env: Readonly<Record<string, string>>): Promise<unknown> =>
    (await stepsOf("hello", secured.grpc, { env })).get("hello");
  try {
    expect(await hello({ ORBIT_TLS: secret })).toMatchObject({ status: "OK" });
    expect(await hello({ ORBIT_TLS: secret, ORBIT_TLS_ANONYMOUS: "1" })).toMatchObject({ status: "Unavailable" });
    expect(await hello({})).toMatchObject({ status: "Unavailable" });
  } finally {
    await secured.kill();
  }
});

test("the Go code that is checked in is what the protocol files generate", () => {
  const source = join(import.meta.dirname, "grpc-go");
  const out = join(folder, "generated");
  execFileSync(process.execPath, [join(source, "generate.ts"), out], { encoding: "utf8" });
  const files = (root: string): ReadonlyMap<string, string> =>
    new Map(
      readdirSync(root, { recursive: true, encoding: "utf8" })
        .filter((name) => name.endsWith(".go"))
        .sort()
        .map((name) => [name, readFileSync(join(root, name), "utf8")]),
    );
  expect(files(join(out, "gen"))).toEqual(files(join(source, "gen")));
}, 180_000);
