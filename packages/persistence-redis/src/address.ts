import type { Fault } from "@orbit/persistence";

import type { RedisOptions } from "./options.ts";

export interface Host {
  readonly host: string;
  readonly port: number;
}

/** Where to connect, and as whom: what the URL and the options say together. */
export interface Address {
  readonly topology: "standalone" | "sentinel" | "cluster";
  /** The servers, or the Sentinels. */
  readonly hosts: readonly Host[];
  /** The name under which the Sentinels know the primary. */
  readonly name: string | undefined;
  readonly tls: boolean;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly database: number;
}

const SHAPE = /^(rediss?(?:\+sentinel)?):\/\/(?:([^/?#@]*)@)?([^/?#@]+)(?:\/([^?#]*))?$/i;
const HOST = /^(?:\[([0-9a-f:.]+)\]|([^[\]:]+))(?::(\d+))?$/i;
const EXPECTED =
  "expected redis://host:port/database, rediss:// for TLS, several hosts for a cluster, or redis+sentinel://host,host/name; " +
  "other options stand beside it";

type UrlParts = Omit<Address, "topology"> & { readonly sentinel: boolean; readonly path: string | undefined };

/** Reads the address out of options that {@link addressFaults} found no fault with. */
export function addressOf(options: RedisOptions): Address {
  const { sentinel, path: _, ...url } = parse(options.url) ?? fail();
  return {
    ...url,
    topology: sentinel ? "sentinel" : options.clusterMode || url.hosts.length > 1 ? "cluster" : "standalone",
    username: options.username ?? url.username,
    password: options.password ?? url.password,
    database: options.database ?? url.database,
  };
}

/** Tells what is wrong with the options together. No fault quotes the URL: it may hold a password. */
export function addressFaults(options: RedisOptions): readonly Fault[] {
  const faults: Fault[] = [];
  const fault = (path: keyof RedisOptions, reason: string): unknown => faults.push({ path, reason });
  if (/[{}\s]/.test(options.prefix)) fault("prefix", "expected a text without braces and spaces");
  if ((options.clientCert === undefined) !== (options.clientKey === undefined)) {
    fault(
      options.clientCert === undefined ? "clientCert" : "clientKey",
      "missing: the certificate and its key go together",
    );
  }
  const url = parse(options.url);
  if (url === undefined) {
    fault("url", EXPECTED);
    return faults;
  }
  const { topology, database } = addressOf(options);
  if (url.path !== undefined && Number.isNaN(url.database))
    fault("url", `expected the number of a database as its path`);
  if (topology === "sentinel" && url.name === undefined) {
    fault("url", "expected the name of the primary as its path: redis+sentinel://host,host/name");
  }
  if (topology === "sentinel" && options.clusterMode)
    fault("clusterMode", "not with Sentinels, which stand before no cluster");
  if (topology === "cluster" && database !== 0) fault("database", "expected 0: a cluster has no other");
  for (const key of ["username", "password"] as const) {
    if (options[key] !== undefined && url[key] !== undefined) fault(key, "given twice: in the url too");
  }
  if (
    options.database !== undefined &&
    url.path !== undefined &&
    !Number.isNaN(url.database) &&
    url.database !== options.database
  )
    fault("database", "given twice: the url names another");
  if (!url.tls) {
    for (const key of ["caCert", "clientCert", "clientKey"] as const) {
      if (options[key] !== undefined) fault(key, "needs TLS: write the url with rediss://");
    }
  }
  return faults;
}

function parse(text: string): UrlParts | undefined {
  const match = SHAPE.exec(text);
  if (match === null) return undefined;
  const [, scheme = "", userinfo, hostList = "", path = ""] = match;
  const sentinel = /sentinel$/i.test(scheme);
  const hosts = hostList.split(",").map((host) => parseHost(host, sentinel ? 26_379 : 6379));
  const segments = path.split("/").filter((segment) => segment !== "");
  const name = sentinel ? segments.shift() : undefined;
  const [database, ...more] = segments;
  if (more.length > 0 || hosts.some((host) => host === undefined)) return undefined;
  try {
    const [username, ...rest] = (userinfo ?? "").split(":").map(decodeURIComponent);
    return {
      sentinel,
      hosts: hosts.filter((host) => host !== undefined),
      name: name === undefined ? undefined : decodeURIComponent(name),
      tls: /^rediss/i.test(scheme),
      username: username === "" ? undefined : username,
      password: rest.length === 0 ? undefined : rest.join(":"),
      database: database === undefined ? 0 : /^\d{1,7}$/.test(database) ? Number(database) : Number.NaN,
      path: database,
    };
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
}

function parseHost(text: string, usualPort: number): Host | undefined {
  const [matched, v6, name, port] = HOST.exec(text) ?? [];
  const number = port === undefined ? usualPort : Number(port);
  if (matched === undefined || number < 1 || number > 65_535) return undefined;
  return { host: v6 ?? name ?? "", port: number };
}

function fail(): never {
  throw new TypeError("url: was not checked");
}
