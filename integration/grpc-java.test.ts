import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { buildJavaClient, javaSteps } from "./lib/java-client.ts";
import { type OrbitProcess, startOrbit } from "./lib/orbit-server.ts";

const folder = mkdtempSync(join(tmpdir(), "orbit-grpc-java-"));
let server: OrbitProcess;

beforeAll(async () => {
  await buildJavaClient();
  server = await startOrbit(folder);
}, 300_000);

afterAll(async () => {
  await server?.kill();
  rmSync(folder, { recursive: true });
});

/** The original's node lease and addressable lease. */
const NODE_MS = 10_000;
const ADDRESSABLE_MS = 600_000;
/** What calls may take on a busy machine. */
const SLOW_MS = 3_000;

test("nodes of the original's protocol join, renew, contend, leave and expire, and survive a kill of the server", async () => {
  const seen = await javaSteps("lifecycle", server.grpc);
  const fenceAt = (step: string): unknown => seen.get(step)?.["fence"];
  const about = (ms: number, at: unknown): void => {
    expect(at).toBeGreaterThanOrEqual(ms - 1);
    expect(at).toBeLessThan(ms + SLOW_MS);
  };

  expect(seen.get("joined")).toMatchObject({
    key: expect.stringMatching(/^[A-Za-z0-9]{16}$/),
    namespace: "lifecycle",
    token: true,
    types: ["Robot", "Human"],
    status: "ACTIVE",
    renewBeforeEndMs: NODE_MS / 2,
  });
  about(NODE_MS, seen.get("joined")?.["expiresAfterMs"]);

  expect(seen.get("granted")).toMatchObject({ status: "OK", hasLease: true });
  expect(fenceAt("granted")).toBeGreaterThan(0);
  expect(seen.get("granted for")).toMatchObject({ holder: true, reference: true });
  about(ADDRESSABLE_MS, seen.get("granted for")?.["expiresAfterMs"]);
  about(ADDRESSABLE_MS / 2, seen.get("granted for")?.["renewAfterMs"]);
  const refused = { status: "ERROR", hasLease: false, error: expect.stringContaining('Robot("bob") is with node') };
  for (const step of ["refused", "refused still", "refused while draining"]) {
    expect(seen.get(step)).toMatchObject(refused);
  }
  expect(seen.get("abandoned by another")).toMatchObject({ abandoned: false });
  expect(seen.get("renewed")).toMatchObject({ status: "OK", fence: fenceAt("granted") });

  for (const at of [0, 1, 2]) {
    expect(seen.get(`wrong token ${at}`)).toMatchObject({
      status: "ERROR",
      hasInfo: false,
      error: expect.stringContaining("challenge_token: this is not the token of that node"),
    });
  }
  expect(seen.get("right token")).toMatchObject({ status: "OK" });

  const expired = seen.get("expired");
  expect(expired).toMatchObject({ higher: true });
  // Not before its time has passed since the last renewal was sent, and soon after.
  expect(expired?.["refusals"]).toBeGreaterThan(10);
  about(NODE_MS, expired?.["afterMs"]);
  const gone = { status: "ERROR", error: expect.stringContaining("is not in the cluster: call JoinCluster again") };
  expect(seen.get("late renewal")).toMatchObject(gone);
  expect(seen.get("late addressable")).toMatchObject(gone);
  expect(seen.get("late abandon")).toMatchObject({ abandoned: false });

  // Lives on beyond the end that its join had told, since it renews when told to.
  expect(seen.get("outlived")).toMatchObject({ status: "OK" });
  expect(seen.get("outlived")?.["renewals"]).toBeGreaterThanOrEqual(1);
  expect(seen.get("capabilities")).toMatchObject({ types: ["Robot", "Ghost"] });

  expect(seen.get("left")).toMatchObject({ status: "OK", node: "DRAINING" });
  expect(seen.get("renewed while draining")).toMatchObject({ status: "OK", node: "DRAINING" });
  expect(seen.get("kept while draining")).toMatchObject({ status: "OK", fence: fenceAt("granted") });
  expect(seen.get("nothing new while draining")).toMatchObject({
    status: "ERROR",
    error: expect.stringContaining("has left"),
  });
  expect(seen.get("abandoned")).toMatchObject({ abandoned: true });
  expect(seen.get("abandoned again")).toMatchObject({ abandoned: false });
  expect(seen.get("taken over")).toMatchObject({ status: "OK" });
  expect(fenceAt("taken over")).toBeGreaterThan(Number(fenceAt("granted")));
  expect(seen.get("too late")).toMatchObject({ status: "ERROR", hasLease: false });

  const last = seen.get("last");
  expect(last).toMatchObject({ status: "OK" });
  await server.kill();
  server = await startOrbit(folder);
  const later = await javaSteps("survivor", server.grpc, { input: String(last?.["info"]) });
  expect(later.get("renewed")).toMatchObject({ status: "OK", sameKey: true, types: ["Robot"] });
  expect(later.get("wrong token")).toMatchObject({ status: "ERROR" });
  expect(later.get("still held")).toMatchObject({ status: "OK", fence: fenceAt("taken over") });
}, 90_000);

test("who does not say who it is, is told what is missing; what is not there yet is unimplemented", async () => {
  const seen = await javaSteps("strangers", server.grpc);
  const missing = (name: string): unknown =>
    expect.stringMatching(new RegExp(`^UNAUTHENTICATED: metadata: "${name}" is missing`));
  const all = (verdict: unknown) => ({
    abandon: verdict,
    join: verdict,
    leave: verdict,
    renew: verdict,
    "renew addressable": verdict,
  });
  expect(seen.get("health")).toMatchObject({ status: "SERVING" });
  expect(seen.get("nothing")).toMatchObject({ verdicts: all(missing("namespace")) });
  expect(seen.get("no namespace")).toMatchObject({ verdicts: all(missing("namespace")) });
  expect(seen.get("no key")).toMatchObject({ verdicts: { ...all(missing("nodeKey")), join: "OK" } });
  expect(seen.get("the servers' own namespace")).toMatchObject({
    verdicts: all(expect.stringMatching(/^INVALID_ARGUMENT: .*management is for servers alone/)),
  });
  expect(seen.get("unknown node")).toMatchObject({
    status: "ERROR",
    error: expect.stringContaining('node "0000000000000000" is not in the cluster'),
  });
  expect(seen.get("message stream")).toMatchObject({ status: expect.stringMatching(/^UNIMPLEMENTED/) });
});
