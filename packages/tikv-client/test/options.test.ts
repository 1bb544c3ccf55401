import { expect, test } from "vitest";

import { TikvClient, type TikvClientOptions } from "../src/index.ts";
import { settingsOf } from "../src/options.ts";

const endpoints = ["127.0.0.1:2379"];
const secret = "-----BEGIN PRIVATE KEY-----\nsecret\n-----END PRIVATE KEY-----\n";

test("options have defaults", () => {
  expect(settingsOf({ endpoints })).toEqual({
    endpoints,
    tls: undefined,
    apiVersion: "V1",
    keyspace: "DEFAULT",
    timeoutMs: 20_000,
    connectionsPerStore: 4,
    maxRegions: 100_000,
  });
});

test.each<[string, object, string]>([
  ["no endpoints", {}, "endpoints: expected at least one member of PD"],
  ["empty endpoints", { endpoints: [] }, "endpoints: expected at least one"],
  ["a url", { endpoints: ["http://pd:2379"] }, "endpoints[0]: expected host:port"],
  ["no port", { endpoints: ["pd:2379", "pd"] }, "endpoints[1]: expected host:port"],
  ["a port too high", { endpoints: ["pd:65536"] }, "endpoints[0]: expected host:port"],
  ["an API", { endpoints, apiVersion: "V3" }, "apiVersion: expected V1, V1TTL or V2"],
  ["a keyspace under V1", { endpoints, keyspace: "k" }, "keyspace: API V1 has none"],
  ["an empty keyspace", { endpoints, apiVersion: "V2", keyspace: "" }, "keyspace: expected a name"],
  ["a timeout", { endpoints, timeoutMs: 0 }, "timeoutMs: expected a whole number from 1 to 2147483647"],
  ["connections", { endpoints, connectionsPerStore: 1.5 }, "connectionsPerStore: expected a whole number from 1 to 64"],
  ["regions", { endpoints, maxRegions: -1 }, "maxRegions: expected a whole number"],
  ["a path", { endpoints, tls: { ca: "/etc/ca.pem" } }, "tls.ca: expected PEM text, not the path of a file"],
  ["a key alone", { endpoints, tls: { key: secret } }, "tls: cert and key go together"],
])("%s is refused before any connection", async (_name, options, message) => {
  // Faulty on purpose: what callers without types may pass.
  const opening = TikvClient.open(options as TikvClientOptions);
  await expect(opening).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  await expect(opening).rejects.toThrow(message);
  await expect(opening).rejects.not.toThrow("secret");
});

test("all faults are named at once", () => {
  expect(() => settingsOf({ endpoints: [], timeoutMs: -1, maxRegions: 0 })).toThrow(/endpoints.*timeoutMs.*maxRegions/);
});

test("IPv6 and names are endpoints", () => {
  expect(() => settingsOf({ endpoints: ["[::1]:2379", "pd-0.pd.svc:2379", "10.0.0.1:1"] })).not.toThrow();
});
