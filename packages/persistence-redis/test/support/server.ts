import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Redis } from "ioredis";

/** Whether this machine has the server. `npm test` installs it where it may, and tells where it may not. */
export const hasRedis: boolean = spawnSync("redis-server", ["--version"]).status === 0;

export interface Server extends AsyncDisposable {
  readonly port: number;
  readonly url: string;
  /** Connects to it as its administrator. */
  admin(): Redis;
  /** Ends it as `kill -9` does. */
  kill(): Promise<void>;
  /** Starts it again where it was. */
  restart(): Promise<void>;
  pause(): void;
  resume(): void;
}

export interface ServerOptions {
  readonly settings?: readonly string[];
  readonly password?: string;
  readonly program?: "redis-server" | "redis-sentinel";
}

/** Starts a server at 127.0.0.1 on a free port, with its files in a folder of its own. Nothing is flushed by default. */
export async function startServer({
  settings = [],
  password,
  program = "redis-server",
}: ServerOptions = {}): Promise<Server> {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), "orbit-redis-"));
  const lines = [`port ${port}`, "bind 127.0.0.1", `dir ${folder}`];
  if (program === "redis-server") lines.push('save ""', "appendonly no", "enable-debug-command local");
  if (password !== undefined) lines.push(`requirepass ${password}`);
  const config = join(folder, "redis.conf");
  writeFileSync(config, `${[...lines, ...settings].join("\n")}\n`);
  const admin = (): Redis =>
    quiet(new Redis({ host: "127.0.0.1", port, ...(password !== undefined && { password }), lazyConnect: true }));
  let child: ChildProcess | undefined;
  const start = async (): Promise<void> => {
    const args = program === "redis-sentinel" ? [config, "--sentinel"] : [config];
    child = spawn("redis-server", args, { stdio: "ignore" });
    await until(async () => {
      const client = admin();
      try {
        return (await client.ping()) === "PONG";
      } finally {
        client.disconnect();
      }
    });
  };
  const kill = async (): Promise<void> => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
  };
  await start();
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    admin,
    kill,
    restart: start,
    pause: () => void child?.kill("SIGSTOP"),
    resume: () => void child?.kill("SIGCONT"),
    async [Symbol.asyncDispose]() {
      child?.kill("SIGCONT");
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export interface Servers extends AsyncDisposable {
  readonly url: string;
  readonly servers: readonly Server[];
}

/** Starts a cluster of primaries with one replica each. */
export async function startCluster(primaries = 3, replicas = 1): Promise<Servers> {
  const count = primaries * (1 + replicas);
  const settings = [
    "cluster-enabled yes",
    "cluster-node-timeout 1000",
    "cluster-replica-validity-factor 0",
    "repl-diskless-sync-delay 0",
  ];
  const servers = await Promise.all(Array.from({ length: count }, () => startServer({ settings })));
  const hosts = servers.map(({ port }) => `127.0.0.1:${port}`);
  execFileSync("redis-cli", ["--cluster", "create", ...hosts, "--cluster-replicas", String(replicas), "--cluster-yes"]);
  await until(async () => {
    const states = await Promise.all(servers.map((server) => ask(server, (client) => client.call("cluster", "info"))));
    const infos = await Promise.all(servers.map((server) => ask(server, (client) => client.info("replication"))));
    const linked = infos.filter((info) => /role:slave[^]*master_link_status:up/.test(info)).length;
    return states.every((state) => String(state).includes("cluster_state:ok")) && linked === primaries * replicas;
  });
  return { url: `redis://${hosts.join(",")}`, servers, [Symbol.asyncDispose]: () => disposeAll(servers) };
}

/** Starts a primary, two replicas and three Sentinels. */
export async function startSentinels(): Promise<Servers> {
  const primary = await startServer({ settings: ["repl-diskless-sync-delay 0"] });
  const settings = [`replicaof 127.0.0.1 ${primary.port}`, "repl-diskless-sync-delay 0"];
  const replicas = await Promise.all([startServer({ settings }), startServer({ settings })]);
  const watched = [
    `sentinel monitor orbit 127.0.0.1 ${primary.port} 2`,
    "sentinel down-after-milliseconds orbit 500",
    "sentinel failover-timeout orbit 3000",
  ];
  const sentinels = await Promise.all(
    Array.from({ length: 3 }, () => startServer({ program: "redis-sentinel", settings: watched })),
  );
  await until(async () => {
    const seen = await Promise.all(
      sentinels.map((server) => ask(server, (client) => client.call("sentinel", "master", "orbit"))),
    );
    const told = seen.map((pairs) => new Map(Array.isArray(pairs) ? chunk(pairs) : []));
    return told.every((each) => each.get("num-slaves") === "2" && each.get("num-other-sentinels") === "2");
  });
  const hosts = sentinels.map(({ port }) => `127.0.0.1:${port}`);
  const servers = [primary, ...replicas, ...sentinels];
  return {
    url: `redis+sentinel://${hosts.join(",")}/orbit`,
    servers,
    [Symbol.asyncDispose]: () => disposeAll(servers),
  };
}

async function ask<T>(server: Server, question: (client: Redis) => Promise<T>): Promise<T> {
  const client = server.admin();
  try {
    return await question(client);
  } finally {
    client.disconnect();
  }
}

function chunk(pairs: readonly unknown[]): [string, string][] {
  return pairs.flatMap((each, at): [string, string][] => (at % 2 === 0 ? [[String(each), String(pairs[at + 1])]] : []));
}

async function disposeAll(servers: readonly AsyncDisposable[]): Promise<void> {
  await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
}

/** Asks until the answer is true. What throws counts as not yet. */
export async function until(ask: () => Promise<boolean>, withinMs = 30_000): Promise<void> {
  const end = performance.now() + withinMs;
  let last: unknown;
  while (performance.now() < end) {
    try {
      if (await ask()) return;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`not within ${withinMs} ms`, { cause: last });
}

/** A port for a server whose cluster bus, 10,000 above, is in range too. */
export async function freePort(): Promise<number> {
  for (;;) {
    const probe = createServer().listen(0, "127.0.0.1");
    await once(probe, "listening");
    const address = probe.address();
    probe.close();
    await once(probe, "close");
    if (address !== null && typeof address === "object" && address.port < 55_000) return address.port;
  }
}

function quiet(client: Redis): Redis {
  client.on("error", () => undefined);
  return client;
}
