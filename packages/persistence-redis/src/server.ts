import { type Capabilities, StoreError } from "@orbit/persistence/driver";

import type { Address } from "./address.ts";
import type { Reply, RedisClient } from "./client.ts";
import type { Layout } from "./keys.ts";

/** What a server tells of itself, by the names of INFO. */
export type Info = ReadonlyMap<string, string>;

const OLDEST = [6, 2] as const;

/** Asks every server that takes writes about itself. */
export async function inspect(client: RedisClient): Promise<readonly Info[]> {
  const replies = await client.readEach("info", ["default"]);
  return replies.map(parseInfo);
}

/** Reads an answer to INFO: lines of `name:value`, with headings between them. */
function parseInfo(reply: Reply): Info {
  const lines = String(reply).split(/\r?\n/);
  return new Map(
    lines.flatMap((line): [string, string][] => {
      const at = line.indexOf(":");
      return at < 0 || line.startsWith("#") ? [] : [[line.slice(0, at), line.slice(at + 1)]];
    }),
  );
}

/** Refuses servers that can't keep the contract, each with what to do about it. */
export function checkServer(info: Info, { topology }: Pick<Address, "topology">): void {
  const version = info.get("redis_version") ?? "";
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])) {
    refuse(
      "UNSUPPORTED",
      `the server is Redis ${version || "of no known version"}, at least ${OLDEST.join(".")} is needed: upgrade it`,
    );
  }
  if (info.get("loading") === "1") refuse("UNAVAILABLE", "the server is still loading its data: try again when it has");
  const clustered = info.get("cluster_enabled") === "1";
  if (clustered && topology !== "cluster") refuse("INVALID_CONFIG", "the server is a cluster: set cluster_mode = true");
  if (!clustered && topology === "cluster") {
    refuse("INVALID_CONFIG", "the server is no cluster: set cluster_mode = false and name one host");
  }
  if (info.get("role") === "slave") {
    const primary = `${info.get("master_host") ?? ""}:${info.get("master_port") ?? ""}`;
    refuse("INVALID_CONFIG", `the server is a read-only replica: name its primary, which is ${primary}`);
  }
  const policy = info.get("maxmemory_policy") ?? "noeviction";
  if (policy !== "noeviction") {
    refuse("UNSUPPORTED", `maxmemory-policy is ${policy}, with which the server may drop leases: set it to noeviction`);
  }
}

function refuse(code: "UNSUPPORTED" | "UNAVAILABLE" | "INVALID_CONFIG", reason: string): never {
  throw new StoreError(code, reason);
}

/** What a setting of the server can make of the three promises that depend on it. */
export type Strength = Pick<Capabilities, "consistency" | "durability" | "fencing">;

export const WEAKEST: Strength = { consistency: "leader-async", durability: "none", fencing: "until-failover" };
const REPLICATED: Strength = { ...WEAKEST, durability: "async" };
const SINGLE: Strength = { consistency: "linearizable", durability: "disk", fencing: "total" };

/**
 * Judges what acknowledged writes survive. Only a single server that flushes each write before it answers, and that has no
 * replica to fail over to, loses none.
 */
export async function strengthOf(
  client: RedisClient,
  infos: readonly Info[],
  { topology }: Pick<Address, "topology">,
): Promise<Strength> {
  const replicated = topology !== "standalone" || infos.some(hasReplicas);
  const appendOnly = infos.every((info) => info.get("aof_enabled") === "1");
  if (!replicated && appendOnly && (await flushesEachWrite(client))) return SINGLE;
  // Snapshots alone also bring back most of the data, and promise none of it.
  return replicated || appendOnly || (await savesSnapshots(client)) ? REPLICATED : WEAKEST;
}

export function hasReplicas(info: Info): boolean {
  return Number(info.get("connected_slaves") ?? 0) > 0;
}

async function flushesEachWrite(client: RedisClient): Promise<boolean> {
  const [fsync, onRewrite] = [await setting(client, "appendfsync"), await setting(client, "no-appendfsync-on-rewrite")];
  return fsync === "always" && onRewrite === "no";
}

async function savesSnapshots(client: RedisClient): Promise<boolean> {
  const save = await setting(client, "save");
  return save !== undefined && save !== "";
}

/** A setting of the server; `undefined` where this user, or the provider of the server, does not let it be read. */
async function setting(client: RedisClient, name: string): Promise<string | undefined> {
  try {
    const reply = await client.read("config", ["get", name]);
    return Array.isArray(reply) && reply.length === 2 ? String(reply[1]) : undefined;
  } catch (error) {
    if (StoreError.is(error) && ["DENIED", "UNSUPPORTED"].includes(error.code)) return undefined;
    throw error;
  }
}

const FORMAT = "orbit 1";

/** Stores the number of buckets at the first opening, and holds later ones to it. */
export async function claimLayout(client: RedisClient, layout: Layout): Promise<void> {
  const own = `${FORMAT} ${layout.buckets}`;
  const found = await readLayout(client, layout);
  if (found === own) return;
  if (found === undefined) {
    // SETNX, which no later store can overwrite.
    await client.create(layout.root, own);
    if ((await readLayout(client, layout)) === own) return;
    return claimLayout(client, layout);
  }
  const buckets = new RegExp(`^${FORMAT} (\\d+)$`).exec(found)?.[1];
  if (buckets === undefined) {
    throw new StoreError(
      "CORRUPT",
      `the key ${JSON.stringify(layout.root)} holds what Orbit did not write: choose another prefix`,
    );
  }
  refuse(
    "INVALID_CONFIG",
    `the keys under this prefix are spread over ${buckets} buckets: set buckets = ${buckets}, or choose another prefix`,
  );
}

async function readLayout(client: RedisClient, layout: Layout): Promise<string | undefined> {
  const reply = await client.read("get", [layout.root]);
  return reply === null ? undefined : String(reply);
}
