import type { Health } from "@orbit/persistence/driver";
import { StoreError } from "@orbit/persistence/driver";

import type { Address } from "./address.ts";
import type { RedisClient } from "./client.ts";
import { checkServer, hasReplicas, type Info, inspect, type Strength } from "./server.ts";

/** From this share of maxmemory on, health is degraded. */
const NEARLY_FULL = 0.9;

/** Asks every server how it is. One that does not answer, or could no longer be opened, makes health unhealthy. */
export async function checkHealth(
  client: RedisClient,
  address: Pick<Address, "topology">,
  strength: Strength,
): Promise<Health> {
  const start = performance.now();
  const latencyMs = (): number => performance.now() - start;
  try {
    const infos = await inspect(client);
    for (const info of infos) checkServer(info, address);
    const causes = new Set(infos.flatMap((info) => troubles(info, strength)));
    const cause = [...causes].join("; ");
    return {
      status: cause === "" ? "healthy" : "degraded",
      ...(cause !== "" && { cause }),
      latencyMs: latencyMs(),
      details: {
        servers: infos.length,
        version: infos[0]?.get("redis_version") ?? "",
        replicas: sum(infos, "connected_slaves"),
      },
    };
  } catch (error) {
    if (!StoreError.is(error)) throw error;
    return { status: "unhealthy", cause: error.message, latencyMs: latencyMs() };
  }
}

function troubles(info: Info, strength: Strength): string[] {
  const [used, limit] = [Number(info.get("used_memory") ?? 0), Number(info.get("maxmemory") ?? 0)];
  const found: string[] = [];
  if (limit > 0 && used >= NEARLY_FULL * limit)
    found.push(`${Math.floor((100 * used) / limit)} % of maxmemory is used`);
  if (info.get("aof_enabled") === "1" && info.get("aof_last_write_status") === "err")
    found.push("the append-only file can't be written");
  if (info.get("rdb_last_bgsave_status") === "err") found.push("the last snapshot failed");
  if (strength.durability === "disk" && hasReplicas(info)) {
    found.push(
      "a replica was added since the store was opened: a failover to it can lose writes, open the store again",
    );
  }
  return found;
}

function sum(infos: readonly Info[], name: string): number {
  return infos.reduce((total, info) => total + Number(info.get(name) ?? 0), 0);
}
