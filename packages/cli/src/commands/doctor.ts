import {
  type Capabilities,
  countTombstones,
  faultsOf,
  openRegistry,
  type PersistenceConfig,
  type ProviderRegistry,
  StoreError,
} from "@orbit/persistence";

import { type Io, painter } from "../io.ts";
import { loadSettings, type Settings } from "../settings.ts";
import { duration, size } from "../table.ts";

/** One thing that was looked at. */
export interface Finding {
  readonly name: string;
  readonly status: "ok" | "warning" | "failure";
  readonly detail: string;
  /** What to do about it. */
  readonly mend?: string;
}

export interface DoctorFlags {
  readonly config?: string;
  readonly json?: boolean;
}

/** How long a node lives after a renewal unless it says otherwise; the bound of a takeover is told for it. */
const NODE_TTL_MS = 10_000;
const TOMBSTONE_BUDGET = 100_000;
const LITTLE_DISK_BYTES = 1024 ** 3;
const TIMEOUT_MS = 15_000;

/** Looks over configuration and stores, and says what is wrong and how to mend it. */
export async function doctor({ config, json }: DoctorFlags, io: Io): Promise<number> {
  const findings = await examine(config, io);
  const healthy = findings.every(({ status }) => status !== "failure");
  io.out(json === true ? `${JSON.stringify({ healthy, findings })}\n` : render(findings, io));
  return healthy ? 0 : 1;
}

async function examine(config: string | undefined, io: Io): Promise<readonly Finding[]> {
  let settings: Settings;
  try {
    settings = await loadSettings(config, {}, io);
  } catch (error) {
    const faults = faultsOf(error);
    if (faults.length === 0) return [failure("configuration", messageOf(error), "give a file that can be read")];
    return faults.map(({ path, reason }) => failure("configuration", `${path}: ${reason}`, "change it as told"));
  }
  const { persistence, embedded } = settings;
  const from = config ?? (embedded ? "none, so the embedded store is used" : "variables");
  const findings: Finding[] = [{ name: "configuration", status: "ok", detail: from }];
  await using registry = await openRegistry(persistence);
  findings.push(...defaultsSet(persistence, registry));
  for (const name of registry.names()) findings.push(...(await examineStore(name, registry, persistence)));
  return findings;
}

function defaultsSet({ defaults: { addressable, cluster } }: PersistenceConfig, registry: ProviderRegistry): Finding[] {
  if (addressable !== undefined && cluster !== undefined) return [];
  const mend = `set addressable and cluster under [defaults], each to one of ${registry.names().join(", ")}`;
  return [failure("defaults", "no store is named for the directory or for the membership", mend)];
}

async function examineStore(name: string, registry: ProviderRegistry, config: PersistenceConfig): Promise<Finding[]> {
  const call = { deadline: performance.now() + TIMEOUT_MS };
  const what = `store ${name}`;
  try {
    const store = await registry.store(name, call);
    const { capabilities, provider } = store;
    const { consistency, durability, scope, fencing } = capabilities;
    const detail = `${provider}: consistency ${consistency}, durability ${durability}, scope ${scope}, fencing ${fencing}`;
    const health = await store.health(call);
    return [
      { name: what, status: "ok", detail },
      ...strength(what, capabilities, config, name),
      reach(what, capabilities),
      takeover(what, capabilities),
      health.status === "healthy"
        ? { name: `${what} health`, status: "ok", detail: `healthy in ${duration(health.latencyMs)}` }
        : {
            name: `${what} health`,
            status: health.status === "degraded" ? "warning" : "failure",
            detail: `${health.status}: ${health.cause ?? "no cause given"}`,
            mend: "mend what the cause names; the store serves again by itself",
          },
      ...disk(what, health.details?.["diskFreeBytes"]),
      tombstones(what, capabilities, await countTombstones(store, { ...call, budget: TOMBSTONE_BUDGET })),
    ];
  } catch (error) {
    return [failure(what, messageOf(error), mendOf(error))];
  }
}

/** What a weak store would cost where it holds leases. */
function strength(what: string, capabilities: Capabilities, config: PersistenceConfig, name: string): Finding[] {
  const { consistency, durability, fencing } = capabilities;
  const { addressable, cluster } = config.defaults;
  const strong = consistency === "linearizable" && ["quorum", "disk"].includes(durability) && fencing === "total";
  if (strong || (name !== addressable && name !== cluster)) return [];
  const detail = "after a failover or restart leases may be forgotten and granted twice, and fences may fall";
  const mend = "use a store with durability disk or quorum for the directory and the membership";
  if (config.allowWeak) return [{ name: `${what} strength`, status: "warning", detail, mend }];
  return [failure(`${what} strength`, `the server refuses it: ${detail}`, `${mend}, or set allow_weak = true`)];
}

function reach(what: string, { scope }: Capabilities): Finding {
  const detail = {
    process: "only this process sees it: one server",
    host: "only this host sees it: one server",
    cluster: "any number of servers can share it",
  }[scope];
  return { name: `${what} reach`, status: "ok", detail };
}

/** How long after its last renewal a dead node's addressables can still be out of reach. */
function takeover(what: string, { clock, limits }: Capabilities): Finding {
  const slackMs = limits.ttlGranularityMs + limits.clockSkewMs;
  const bound = {
    "server-ttl": [NODE_TTL_MS + limits.ttlGranularityMs, "the store itself ends what is not renewed"],
    "server-age": [NODE_TTL_MS + slackMs, "the store tells how old a renewal is"],
    observer: [2 * NODE_TTL_MS, "each observer waits a whole ttl, and begins anew when it restarts"],
  } as const;
  const [ms, why] = bound[clock];
  const detail = `clock rule ${clock}: ${why}; with a ttl of ${duration(NODE_TTL_MS)} a dead node is taken over within ${duration(ms)}`;
  return { name: `${what} takeover`, status: "ok", detail };
}

function disk(what: string, free: string | number | boolean | undefined): Finding[] {
  if (typeof free !== "number") return [];
  const name = `${what} disk`;
  const detail = `${size(free)} free`;
  if (free >= LITTLE_DISK_BYTES) return [{ name, status: "ok", detail }];
  return [{ name, status: "warning", detail, mend: "free some space, or move the data to a larger disk" }];
}

function tombstones(
  what: string,
  { conditionalDelete }: Capabilities,
  count: { readonly records: number; readonly tombstones: number; readonly complete: boolean },
): Finding {
  const seen = `${count.tombstones} of ${count.complete ? "" : "the first "}${count.records} records`;
  const fate = conditionalDelete
    ? "the sweeper removes them"
    : "they stay, because this store lets stale deletes through; they are small and are used again";
  return { name: `${what} tombstones`, status: "ok", detail: `${seen}: ${fate}` };
}

function failure(name: string, detail: string, mend: string): Finding {
  return { name, status: "failure", detail, mend };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function mendOf(error: unknown): string {
  switch (StoreError.is(error) ? error.code : "INTERNAL") {
    case "CONFLICT":
      return "this data is in use: ask that server with 'orbit nodes', or stop it first";
    case "UNAVAILABLE":
    case "TIMEOUT":
      return "start the backend, or correct its address";
    case "DENIED":
      return "correct the credentials, or give them the permission that is named";
    case "UNSUPPORTED":
      return "choose another store or setting: this one lacks what leases need";
    case "CORRUPT":
      return "restore the data from a backup";
    default:
      return "mend what the message names";
  }
}

function render(findings: readonly Finding[], io: Io): string {
  const paint = painter(io);
  const marks = { ok: paint("green", "ok  "), warning: paint("yellow", "warn"), failure: paint("red", "FAIL") };
  const lines = findings.map(({ name, status, detail, mend }) => {
    const how = mend === undefined ? "" : `\n      ${paint("bold", "mend:")} ${mend}`;
    return `${marks[status]}  ${name}: ${detail}${how}\n`;
  });
  const count = (status: Finding["status"]): number => findings.filter((each) => each.status === status).length;
  const [warnings, failures] = [count("warning"), count("failure")];
  return `${lines.join("")}\n${failures} wrong, ${warnings} to look at, ${findings.length - failures - warnings} fine\n`;
}
