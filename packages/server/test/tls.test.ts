import { readFileSync } from "node:fs";
import { join } from "node:path";

import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { HealthCheckResponse_ServingStatus as Serving, HealthService } from "@orbit/proto";
import { expect, test } from "vitest";

import { serve } from "./harness.ts";

const file = (name: string): string => join(import.meta.dirname, "certs", name);
const pem = (name: string): Buffer => readFileSync(file(name));
const tls = { cert: file("server.pem"), key: file("server.key"), ca: file("ca.pem") };

function client(baseUrl: string, name?: string) {
  const own = name === undefined ? {} : { cert: pem(`${name}.pem`), key: pem(`${name}.key`) };
  return createClient(HealthService, createGrpcTransport({ baseUrl, nodeOptions: { ca: pem("ca.pem"), ...own } }));
}

test("with an authority, only clients that it signed are answered", async () => {
  await using served = await serve({ tls });
  const { grpc } = served.server.address;
  expect(grpc).toMatch(/^https:/);
  expect((await client(grpc, "client").check({})).status).toBe(Serving.SERVING);
  await expect(client(grpc).check({})).rejects.toThrow();
  await expect(client(grpc, "stranger").check({})).rejects.toThrow();
});

test("without an authority, any client is answered", async () => {
  const { ca: _, ...own } = tls;
  await using served = await serve({ tls: own });
  expect((await client(served.server.address.grpc).check({})).status).toBe(Serving.SERVING);
});

test("a certificate that can't be read is named, and one that is none", async () => {
  await expect(serve({ tls: { ...tls, key: "/nowhere/server.key" } })).rejects.toThrow(
    "[INVALID_CONFIG] tls.key: /nowhere/server.key can't be read (ENOENT)",
  );
  await expect(serve({ tls: { ...tls, cert: file("regenerate.sh") } })).rejects.toThrow("[INVALID_CONFIG] tls:");
});
