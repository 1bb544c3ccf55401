// One node of the cluster: node node.ts ID SERVER
import { setTimeout as pause } from "node:timers/promises";

import { durationFromMs, durationMs } from "@bufbuild/protobuf/wkt";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { DirectoryService, MembershipService } from "@orbit/proto";

import { ACTORS, type Message } from "./messages.ts";

const TTL_MS = 2_000;

const [id = "", baseUrl = ""] = process.argv.slice(2);
const transport = createGrpcTransport({ baseUrl });
const nodes = createClient(MembershipService, transport);
const directory = createClient(DirectoryService, transport);
const tell = (message: Message): void => void process.send?.(message);

const { lease } = await nodes.join({ id, ttl: durationFromMs(TTL_MS) });
if (lease?.renewWithin === undefined) throw new Error("the server answered without a lease");
const node = { id, epoch: lease.epoch };
const renewWithinMs = durationMs(lease.renewWithin);
tell({ type: "joined", ttlMs: TTL_MS });

// One heartbeat for everything that this node holds. Without it the node must not believe in any of its leases:
// a renewal that fails ends this process.
void (async () => {
  for (;;) {
    await pause(renewWithinMs);
    await nodes.renewNode({ node }, { timeoutMs: TTL_MS / 2 });
  }
})();

const held = new Set<string>();
const holders = new Map<string, string>();
for (;;) {
  for (const actor of ACTORS.filter((name) => !held.has(name))) {
    const reference = { type: "Account", key: { kind: { case: "stringKey", value: actor } } } as const;
    const { result } = await directory.acquire({ node, reference });
    if (result.case === "granted") {
      held.add(actor);
      tell({ type: "granted", actor, fence: String(result.value.fence) });
    } else if (result.case === "held" && holders.get(actor) !== result.value.nodeId) {
      holders.set(actor, result.value.nodeId);
      tell({ type: "refused", actor, holder: result.value.nodeId, fence: String(result.value.fence) });
    }
    await pause(20);
  }
  await pause(20);
}
