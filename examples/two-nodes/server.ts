import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { findPackageJSON } from "node:module";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

export interface Server {
  readonly url: string;
  readonly process: ChildProcess;
}

/** Starts `orbit serve` with its data in a folder, and waits until it is ready. */
export async function startServer(folder: string): Promise<Server> {
  const [port, adminPort] = [await freePort(), await freePort()];
  const config = join(folder, "orbit.toml");
  const server = `[server]\nport = ${port}\nadmin_port = ${adminPort}\nlog_level = "warn"\n`;
  const provider = `[providers.local]\ntype = "BTree"\npath = ${JSON.stringify(join(folder, "data"))}\n`;
  writeFileSync(config, `${server}\n${provider}`);
  const child = spawn(process.execPath, [orbitCommand(), "serve", "--config", config], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  for (;;) {
    const answer = await fetch(`http://127.0.0.1:${adminPort}/readyz`).catch(() => undefined);
    if (answer?.ok === true) return { url: `http://127.0.0.1:${port}`, process: child };
    if (child.exitCode !== null) throw new Error("orbit serve ended before it was ready: see above");
    await pause(50);
  }
}

/** The file behind the command `orbit`. */
function orbitCommand(): string {
  const manifest = findPackageJSON("@orbit/cli", import.meta.url);
  if (manifest === undefined) throw new Error("@orbit/cli is not installed: run pnpm install");
  const { bin } = JSON.parse(readFileSync(manifest, "utf8")) as { readonly bin: { readonly orbit: string } };
  return join(dirname(manifest), bin.orbit);
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const address = probe.address();
  probe.close();
  await once(probe, "close");
  if (address === null || typeof address === "string") throw new Error("the system gave no port");
  return address.port;
}
