import { readFile } from "node:fs/promises";
import type { ConnectionOptions } from "node:tls";

import { StoreError } from "@orbit/persistence/driver";
import { Cluster, Redis } from "ioredis";

import type { Address } from "./address.ts";
import { Connection } from "./client.ts";
import { rootOf, toStoreError } from "./errors.ts";
import type { RedisOptions } from "./options.ts";

export interface Connector {
  /** Makes a client, not yet connected. Those of one connector all lead to the same servers. */
  connect(): Connection;
  /** Makes a client of one server of a cluster alone: it tells why none is reached, which that of the cluster does not. */
  knock?(): Connection;
}

const RECONNECT_BASE_MS = 20;
const RECONNECT_MAX_MS = 250;

/**
 * How every client is set up: nothing that was sent is sent again, since a conditional write may have been applied; what
 * waits for a connection is told of each attempt that failed.
 */
const SAFE = {
  lazyConnect: true,
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
  enableAutoPipelining: false,
  keyPrefix: "",
  // One right less that its user needs.
  disableClientInfo: true,
  protocol: 2,
  retryStrategy: (times: number) => Math.min(RECONNECT_BASE_MS * 2 ** (times - 1), RECONNECT_MAX_MS),
} as const;

const SAFE_CLUSTER = {
  lazyConnect: true,
  keyPrefix: "",
  enableAutoPipelining: false,
  // A request whose connection closed may have been applied: the caller decides.
  retryDelayOnFailover: 0,
  scaleReads: "master",
} as const;

/** Returns how to connect by the options. */
export async function connector(options: RedisOptions, address: Address): Promise<Connector> {
  const tls = address.tls ? await tlsOptions(options) : undefined;
  const { topology, hosts, name, username, password, database } = address;
  const common = {
    ...SAFE,
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(tls !== undefined && { tls }),
    db: database,
    connectTimeout: options.connectionTimeoutMs,
    socketTimeout: options.commandTimeoutMs,
    connectionName: "orbit",
    enableReadyCheck: false,
  };
  const made = (client: Redis | Cluster): Connection => new Connection(client, options.retryCount);
  if (topology === "cluster") {
    const { retryStrategy: _, ...redisOptions } = common;
    return {
      connect: () =>
        made(new Cluster([...hosts], { ...SAFE_CLUSTER, redisOptions, ...(tls && { dnsLookup: asNamed }) })),
      knock: () => made(new Redis({ ...common, ...hosts[0] })),
    };
  }
  if (topology === "sentinel") {
    const { sentinelUsername, sentinelPassword } = options;
    const sentinels = {
      sentinels: [...hosts],
      name: name ?? "",
      // Tells whether the server is still the primary.
      enableReadyCheck: true,
      reconnectOnError: (error: Error) => error.message.includes("READONLY"),
      ...(sentinelUsername !== undefined && { sentinelUsername }),
      ...(sentinelPassword !== undefined && { sentinelPassword }),
      ...(tls !== undefined && { sentinelTLS: tls, enableTLSForSentinelMode: true }),
    };
    return { connect: () => made(new Redis({ ...common, ...sentinels })) };
  }
  return { connect: () => made(new Redis({ ...common, ...hosts[0] })) };
}

/** Returns how to connect as a client of the application's does. Its own connections are left alone. */
export function connectorLike(client: Redis | Cluster, options: RedisOptions): Connector {
  const { retryStrategy: _, ...redisOptions } = { ...SAFE, socketTimeout: options.commandTimeoutMs };
  const copy = (): Redis | Cluster =>
    client.isCluster
      ? (client as Cluster).duplicate([], { ...SAFE_CLUSTER, redisOptions })
      : (client as Redis).duplicate({ ...SAFE, socketTimeout: options.commandTimeoutMs });
  return { connect: () => new Connection(copy(), options.retryCount) };
}

/** Connects for the first time: a fault is told at once, rather than tried again. */
export async function firstConnection(connector: Connector, timeoutMs: number, tls: boolean): Promise<Connection> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const reason = `no connection within ${timeoutMs} ms${tls ? ": the server may speak no TLS" : ""}`;
    timer = setTimeout(() => reject(new StoreError("UNAVAILABLE", reason)), timeoutMs);
  });
  late.catch(() => undefined);
  try {
    return await attempt(connector.connect(), late);
  } catch (error) {
    if (connector.knock === undefined || !StoreError.is(error) || error.code !== "UNAVAILABLE") throw error;
    const server = await attempt(connector.knock(), late);
    server.close();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

async function attempt(connection: Connection, late: Promise<never>): Promise<Connection> {
  const failed = new Promise<never>((_, reject) => {
    // ioredis goes on trying behind the promise of connect(); what is final is told by its events.
    const fail = (error: unknown): void => void (isFinal(error) && reject(error));
    for (const event of ["error", "sentinelError"]) connection.client.on(event, fail);
  });
  failed.catch(() => undefined);
  try {
    await Promise.race([connection.client.connect(), late, failed]);
    return connection;
  } catch (error) {
    connection.close();
    throw toStoreError(connection.lastError ?? error, false);
  }
}

/** Sentinels may be asked in turn; a server's refusal, or a name that they do not know, stays what it is. */
function isFinal(error: unknown): boolean {
  const mapped = toStoreError(rootOf(error), false);
  return !mapped.retryable && mapped.code !== "INTERNAL";
}

/** Certificates name hosts, so that hosts are not to be replaced by addresses. */
function asNamed(host: string, done: (error: null, address: string) => void): void {
  done(null, host);
}

async function tlsOptions({ caCert, clientCert, clientKey }: RedisOptions): Promise<ConnectionOptions> {
  const [ca, cert, key] = await Promise.all([
    pem("ca_cert", caCert),
    pem("client_cert", clientCert),
    pem("client_key", clientKey),
  ]);
  return { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) };
}

async function pem(option: string, path: string | undefined): Promise<Buffer | undefined> {
  if (path === undefined) return undefined;
  try {
    return await readFile(path);
  } catch (cause) {
    throw new StoreError("INVALID_CONFIG", `${option}: the file can't be read`, { cause });
  }
}
