import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { type Client, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import type { Health, Provider } from "@orbit/persistence";
import { provider as btree } from "@orbit/persistence-btree";
import { defineOptions } from "@orbit/persistence/driver";
import { mapData, mapDriver } from "@orbit/persistence/testing";
import { DirectoryService, HealthService, MembershipService } from "@orbit/proto";
import { pino } from "pino";

import { OrbitServer, type ServerOptions } from "../src/index.ts";

export interface Clients {
  readonly membership: Client<typeof MembershipService>;
  readonly directory: Client<typeof DirectoryService>;
  readonly health: Client<typeof HealthService>;
}

export interface Served extends Clients, AsyncDisposable {
  readonly server: OrbitServer;
  /** Asks the admin address. */
  get(path: string): Promise<{ readonly status: number; readonly text: string; readonly json: () => unknown }>;
  /** The lines logged so far. */
  readonly logged: readonly Readonly<Record<string, unknown>>[];
}

export function connect(baseUrl: string): Clients {
  const transport = createGrpcTransport({ baseUrl });
  return {
    membership: createClient(MembershipService, transport),
    directory: createClient(DirectoryService, transport),
    health: createClient(HealthService, transport),
  };
}

/** Starts a server on free ports, over a B+tree in a new directory unless another provider is given. */
export async function serve(
  options: Partial<ServerOptions> & { readonly provider?: Provider; readonly allowWeak?: boolean } = {},
): Promise<Served> {
  const { provider = btree, allowWeak = false, ...rest } = options;
  const path = mkdtempSync(join(tmpdir(), "orbit-server-"));
  const logged: Record<string, unknown>[] = [];
  const logger = pino({ level: "debug" }, { write: (line: string) => void logged.push(JSON.parse(line)) });
  const server = await OrbitServer.builder()
    .withNamespace("production")
    .withPort(0)
    .withOptions({ adminPort: 0, nodeId: "server-1", ...rest })
    .withPersistence({
      object: { allowWeak, providers: { main: { provider, options: provider === btree ? { path } : {} } } },
    })
    .withLogger(logger)
    .build();
  await server.start();
  const { grpc, admin } = server.address;
  return {
    ...connect(grpc),
    server,
    logged,
    async get(target) {
      const response = await fetch(`${admin}${target}`);
      const text = await response.text();
      return { status: response.status, text, json: () => JSON.parse(text) };
    },
    async [Symbol.asyncDispose]() {
      await server.stop();
      rmSync(path, { recursive: true });
    },
  };
}

/** A provider over a map whose health is what `health` says. */
export function mapProvider(health: () => Promise<Health>): Provider {
  const data = mapData();
  return {
    name: "map",
    contract: 1,
    types: ["Map"],
    schemes: ["map"],
    options: defineOptions<object>({}),
    create: () => ({ ...mapDriver({ data }), health }),
  };
}

/** Asks again and again until the answer is there, for at most ten seconds. */
export async function eventually<T>(ask: () => Promise<T | undefined>): Promise<T> {
  const deadline = performance.now() + 10_000;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > deadline) throw new Error("it did not happen within ten seconds");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export const ttl = (ms: number): { readonly seconds: bigint; readonly nanos: number } => ({
  seconds: BigInt(Math.floor(ms / 1000)),
  nanos: (ms % 1000) * 1_000_000,
});

export const robot = (name: string) => ({ type: "Robot", key: { kind: { case: "stringKey", value: name } } }) as const;
