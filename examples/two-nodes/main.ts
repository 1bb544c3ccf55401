import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { ACTORS, type Message } from "./messages.ts";
import { startServer } from "./server.ts";

interface Hold {
  readonly node: string;
  readonly fence: bigint;
}

const say = (who: string, what: string): void => console.log(`${who.padEnd(7)} ${what}`);
/** Who was granted each actor last. */
const holds = new Map<string, Hold>();
let ttlMs = 0;
let changed = Promise.withResolvers<void>();

function hear(node: string, message: Message): void {
  if (message.type === "joined") {
    ttlMs = message.ttlMs;
    say(node, `joins, to live ${ttlMs} ms after each heartbeat`);
  } else if (message.type === "refused") {
    say(node, `is refused ${message.actor}: ${message.holder} holds it with fence ${message.fence}`);
  } else {
    const { actor } = message;
    const [before, fence] = [holds.get(actor), BigInt(message.fence)];
    if (before !== undefined && fence <= before.fence)
      throw new Error(`${actor}: fence ${fence} after ${before.fence}`);
    holds.set(actor, { node, fence });
    say(node, before === undefined ? `holds ${actor}, fence ${fence}` : `takes ${actor} over, fence ${fence}`);
  }
  changed.resolve();
  changed = Promise.withResolvers();
}

function startNode(id: string, url: string): ChildProcess {
  const child = fork(join(import.meta.dirname, "node.ts"), [id, url]);
  child.on("message", (message: Message) => hear(id, message));
  child.on("exit", (code) => code !== null && changed.reject(new Error(`${id} ended by itself with code ${code}`)));
  return child;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await changed.promise;
}

const heldBy = (id: string): string[] => ACTORS.filter((actor) => holds.get(actor)?.node === id);

const folder = mkdtempSync(join(tmpdir(), "orbit-two-nodes-"));
const server = await startServer(folder);
say("server", `listens at ${server.url}`);
const nodes = new Map(["node-1", "node-2"].map((id) => [id, startNode(id, server.url)]));
try {
  await until(() => holds.size === ACTORS.length);
  const [victim = "", survivor = ""] = [...nodes.keys()].sort((a, b) => heldBy(b).length - heldBy(a).length);
  const lost = heldBy(victim);
  nodes.get(victim)?.kill("SIGKILL");
  const killed = performance.now();
  say(victim, `is killed while it holds ${lost.length} of ${ACTORS.length}`);
  await until(() => heldBy(survivor).length > ACTORS.length - lost.length);
  const afterMs = Math.round(performance.now() - killed);
  await until(() => heldBy(survivor).length === ACTORS.length);
  say(survivor, `holds all ${ACTORS.length}; the first takeover came ${afterMs} ms after the kill`);
} finally {
  for (const child of [...nodes.values(), server.process]) {
    child.kill();
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  }
  rmSync(folder, { recursive: true });
}
