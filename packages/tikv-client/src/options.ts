import { MAX_TIMEOUT_MS } from "./call/call.ts";
import { TikvError } from "./errors.ts";
import type { TlsOptions } from "./grpc/socket.ts";

/** Which version of TiKV's API the cluster is set to (`storage.api-version`, `storage.enable-ttl`). */
export type ApiVersion = "V1" | "V1TTL" | "V2";

export interface TikvClientOptions {
  /** Where members of PD serve clients, each as `host:port`; one that answers is enough. */
  readonly endpoints: readonly string[];
  /** Speaks TLS to PD and to the stores. Default: plain text. */
  readonly tls?: TlsOptions;
  /** Default: `V1`. */
  readonly apiVersion?: ApiVersion;
  /** The keyspace to work in, by name. Needs API `V2`; there, the default is `DEFAULT`. */
  readonly keyspace?: string;
  /** How long a call may take, retries included, where it does not say so itself. Default: 20,000. */
  readonly timeoutMs?: number;
  /** Connections to each store. Default: 4. */
  readonly connectionsPerStore?: number;
  /** At most so many regions are remembered. Default: 100,000, which is about 100 MB when all are in use. */
  readonly maxRegions?: number;
}

/** The options with their defaults. */
export interface Settings {
  readonly endpoints: readonly string[];
  readonly tls: TlsOptions | undefined;
  readonly apiVersion: ApiVersion;
  readonly keyspace: string;
  readonly timeoutMs: number;
  readonly connectionsPerStore: number;
  readonly maxRegions: number;
}

const DEFAULTS = {
  apiVersion: "V1",
  keyspace: "DEFAULT",
  timeoutMs: 20_000,
  connectionsPerStore: 4,
  maxRegions: 100_000,
} as const satisfies Partial<Settings>;

const API_VERSIONS: readonly unknown[] = ["V1", "V1TTL", "V2"] satisfies readonly ApiVersion[];
const NUMBERS = { timeoutMs: MAX_TIMEOUT_MS, connectionsPerStore: 64, maxRegions: 10_000_000 } as const;
// A host name, an IPv4 address, or an IPv6 address in brackets.
const ENDPOINT = /^(?:[\w.-]+|\[[0-9A-Fa-f:.]+\]):(\d{1,5})$/;

/** Checks options and fills in defaults. Throws `INVALID_ARGUMENT` that names every fault. */
export function settingsOf(options: TikvClientOptions): Settings {
  const faults = [...endpointFaults(options.endpoints), ...tlsFaults(options.tls)];
  const settings: Settings = { tls: undefined, ...DEFAULTS, ...given(options) };
  if (!API_VERSIONS.includes(settings.apiVersion)) faults.push("apiVersion: expected V1, V1TTL or V2");
  else if (options.keyspace !== undefined && settings.apiVersion !== "V2") {
    faults.push(`keyspace: API ${settings.apiVersion} has none; set apiVersion to "V2" where the cluster is set so`);
  }
  if (typeof settings.keyspace !== "string" || settings.keyspace === "") {
    faults.push("keyspace: expected a name that is not empty");
  }
  for (const [name, max] of Object.entries(NUMBERS)) {
    const value: unknown = settings[name as keyof typeof NUMBERS];
    if (!Number.isInteger(value) || Number(value) < 1 || Number(value) > max) {
      faults.push(`${name}: expected a whole number from 1 to ${max}`);
    }
  }
  if (faults.length > 0) throw new TikvError("INVALID_ARGUMENT", faults.join("; "));
  return settings;
}

function endpointFaults(endpoints: unknown): string[] {
  if (!Array.isArray(endpoints) || endpoints.length === 0) {
    return ['endpoints: expected at least one member of PD, such as "127.0.0.1:2379"'];
  }
  return endpoints.flatMap((endpoint: unknown, index) => {
    const port = typeof endpoint === "string" ? Number(ENDPOINT.exec(endpoint)?.[1] ?? 0) : 0;
    return port > 0 && port < 65_536 ? [] : [`endpoints[${index}]: expected host:port, such as "127.0.0.1:2379"`];
  });
}

/** Names what is wrong, and never tells a value. */
function tlsFaults(tls: TlsOptions | undefined): string[] {
  if (tls === undefined) return [];
  const faults = (["ca", "cert", "key"] as const)
    .filter((name) => tls[name] !== undefined && !isPem(tls[name]))
    .map((name) => `tls.${name}: expected PEM text, not the path of a file`);
  if ((tls.cert === undefined) !== (tls.key === undefined)) faults.push("tls: cert and key go together");
  return faults;
}

function isPem(value: unknown): boolean {
  if (typeof value !== "string" && !(value instanceof Uint8Array)) return false;
  return Buffer.from(value as Uint8Array).includes("-----BEGIN ");
}

/** An option that is undefined is one that is not given. */
function given(options: TikvClientOptions): TikvClientOptions {
  return Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined),
  ) as unknown as TikvClientOptions;
}
