import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { createStore, StoreError } from "@orbit/persistence";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { redis, type RedisOptions } from "../src/index.ts";
import { freePort, hasRedis, type Server, startServer } from "./support/server.ts";

const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;

describe.skipIf(!hasRedis || !hasOpenssl)("TLS", () => {
  const folder = mkdtempSync(join(tmpdir(), "orbit-redis-tls-"));
  const at = (name: string): string => join(folder, name);
  const openssl = (...args: readonly string[]): unknown => execFileSync("openssl", args, { stdio: "ignore" });
  let server: Server;
  let url: string;

  const authority = (name: string): void => {
    openssl(
      "req",
      "-x509",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:prime256v1",
      "-nodes",
      "-days",
      "2",
      "-subj",
      `/CN=${name}`,
      "-keyout",
      at(`${name}.key`),
      "-out",
      at(`${name}.pem`),
    );
  };
  const certificate = (name: string, by: string): void => {
    openssl(
      "req",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:prime256v1",
      "-nodes",
      "-subj",
      `/CN=${name}`,
      "-keyout",
      at(`${name}.key`),
      "-out",
      at(`${name}.csr`),
    );
    writeFileSync(at("names"), "subjectAltName=IP:127.0.0.1,DNS:localhost");
    openssl(
      "x509",
      "-req",
      "-in",
      at(`${name}.csr`),
      "-CA",
      at(`${by}.pem`),
      "-CAkey",
      at(`${by}.key`),
      "-CAcreateserial",
      "-days",
      "2",
      "-extfile",
      at("names"),
      "-out",
      at(`${name}.pem`),
    );
  };

  beforeAll(async () => {
    authority("ca");
    authority("stranger");
    certificate("server", "ca");
    certificate("client", "ca");
    const port = await freePort();
    server = await startServer({
      settings: [
        `tls-port ${port}`,
        `tls-cert-file ${at("server.pem")}`,
        `tls-key-file ${at("server.key")}`,
        `tls-ca-cert-file ${at("ca.pem")}`,
        "tls-auth-clients yes",
      ],
    });
    url = `rediss://127.0.0.1:${port}`;
  });
  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  const mine = (): Partial<RedisOptions> => ({
    url,
    caCert: at("ca.pem"),
    clientCert: at("client.pem"),
    clientKey: at("client.key"),
  });
  const failure = async (options: Partial<RedisOptions>): Promise<StoreError> => {
    const driver = redis({ connectionTimeoutMs: 2_000, ...options });
    const [opened] = await Promise.allSettled([driver.open()]);
    await driver.close();
    if (opened.status === "fulfilled" || !StoreError.is(opened.reason)) throw new Error("no StoreError");
    return opened.reason;
  };

  test("a certificate is shown and checked", async () => {
    await using store = await createStore(redis(mine()));
    expect(await store.put("a", Buffer.from("b"), "always")).toMatchObject({ ok: true });
  });

  test("a server that another authority signed is refused", async () => {
    expect(await failure({ ...mine(), caCert: at("stranger.pem") })).toMatchObject({
      code: "DENIED",
      reason: expect.stringMatching(/certificate was not accepted/),
    });
  });

  test("a server that the system's authorities did not sign is refused, in a cluster too", async () => {
    expect(await failure({ url })).toMatchObject({ code: "DENIED" });
    expect(await failure({ url, clusterMode: true })).toMatchObject({ code: "DENIED" });
  });

  test("without a certificate of its own the client is refused", async () => {
    expect(await failure({ url, caCert: at("ca.pem") })).toMatchObject({
      code: "DENIED",
      reason: expect.stringMatching(/client_cert/),
    });
  });

  test("a file that is not there is named", async () => {
    expect(await failure({ ...mine(), caCert: "/nowhere.pem" })).toMatchObject({
      code: "INVALID_CONFIG",
      reason: expect.stringMatching(/^ca_cert/),
    });
  });
});
