import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";

const main = join(import.meta.dirname, "..", "..", "packages", "cli", "src", "main.ts");
const START_MS = 20_000;
const POLL_MS = 50;

/** A real `orbit serve` in a process of its own. */
export interface OrbitProcess {
  /** Host and port of gRPC. */
  readonly grpc: string;
  /** The base URL of the admin address. */
  readonly admin: string;
  /** As a power switch would: nothing is flushed, released or said. */
  kill(): Promise<void>;
  /** As an operator would, with SIGTERM. Gives the exit code. */
  stop(): Promise<number | null>;
}

/**
 * Starts `orbit serve` on the embedded store in a folder, on ports that are free, and waits until it is ready. `more`
 * goes into its configuration.
 */
export async function startOrbit(folder: string, more = ""): Promise<OrbitProcess> {
  const [port, adminPort] = [await freePort(), await freePort()];
  const config = join(folder, "orbit.toml");
  writeFileSync(
    config,
    `[server]
port = ${port}
admin_port = ${adminPort}
log_level = "warn"

[providers.local]
type = "BTree"
path = ${JSON.stringify(join(folder, "data"))}

${more}`,
  );
  const child = spawn(process.execPath, [main, "serve", "--config", config], {
    cwd: folder,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (piece: Buffer) => (said += piece.toString()));
  const admin = `http://127.0.0.1:${adminPort}`;
  await ready(`${admin}/readyz`, child, () => said);
  return {
    grpc: `127.0.0.1:${port}`,
    admin,
    kill: async () => {
      child.kill("SIGKILL");
      await ended(child);
    },
    stop: async () => {
      child.kill("SIGTERM");
      await ended(child);
      return child.exitCode;
    },
  };
}

async function ready(url: string, child: ChildProcess, said: () => string): Promise<void> {
  const deadline = performance.now() + START_MS;
  while (performance.now() < deadline && child.exitCode === null && child.signalCode === null) {
    const answer = await fetch(url).catch(() => undefined);
    if (answer?.ok === true) return;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  child.kill("SIGKILL");
  throw new Error(`orbit serve was not ready within ${START_MS} ms:\n${said()}`);
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("the system gave no port");
  return address.port;
}
