import {
  boolean,
  defineOptions,
  integer,
  type OptionsSchema,
  path,
  seconds,
  secret,
  text,
} from "@orbit/persistence/driver";

import { addressFaults } from "./address.ts";

export interface RedisOptions {
  /**
   * Where the servers are: `redis://[user:password@]host[:port][/database]`, with TLS `rediss://`; several hosts are those
   * of a cluster; with Sentinel `redis+sentinel://host[:port],…/name[/database]`.
   */
  readonly url: string;
  /** The servers are a Redis Cluster. Several hosts in the URL mean it too. */
  readonly clusterMode: boolean;
  /** The number of the database; that of the URL, or 0, by default. A cluster has 0 alone. */
  readonly database?: number | undefined;
  /** The user of the server's ACL; that of the URL, or `default`, by default. */
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** The user of the Sentinels' own ACL. */
  readonly sentinelUsername?: string | undefined;
  readonly sentinelPassword?: string | undefined;
  /** What every key starts with. Keeps applications on one server apart. */
  readonly prefix: string;
  /** How many hash tags the keys are spread over. Fixed once the first store was opened under a prefix. */
  readonly buckets: number;
  /** At most so many connections to each server. One carries many requests; more are opened under load. */
  readonly poolSize: number;
  /** How many failed attempts to reconnect requests wait for; then they fail at once. What was sent is never sent again. */
  readonly retryCount: number;
  /** How long opening the store may take, and each attempt to connect, in milliseconds. */
  readonly connectionTimeoutMs: number;
  /** How long a connection may owe an answer before it is given up, in milliseconds. */
  readonly commandTimeoutMs: number;
  /** PEM file with the authorities that may sign the server's certificate, where they are not the system's. */
  readonly caCert?: string | undefined;
  /** PEM file with the certificate to show the server. */
  readonly clientCert?: string | undefined;
  /** PEM file with the key of that certificate. */
  readonly clientKey?: string | undefined;
}

export const redisOptions: OptionsSchema<RedisOptions> = defineOptions<RedisOptions>(
  {
    // It may carry a password.
    url: secret({
      key: "url",
      default: "redis://localhost:6379",
      url: "whole",
      doc: "Where the servers are; `redis://localhost:6379` by default. The forms are below.",
    }),
    clusterMode: boolean({
      key: "cluster_mode",
      default: false,
      doc: "The servers are a Redis Cluster. Several hosts in the URL mean it too.",
    }),
    database: integer({
      key: "database",
      max: 1_000_000,
      doc: "The number of the database; that of the URL, or 0, by default. A cluster has 0 alone.",
    }),
    username: text({ key: "username", doc: "The user of the server's ACL; that of the URL by default." }),
    password: secret({ key: "password", doc: "The password; that of the URL by default." }),
    sentinelUsername: text({ key: "sentinel_username", doc: "The user of the Sentinels' own ACL." }),
    sentinelPassword: secret({ key: "sentinel_password", doc: "The password of the Sentinels themselves." }),
    prefix: text({
      key: "prefix",
      default: "orbit",
      doc: "What every key starts with. Keeps applications on one server apart.",
    }),
    buckets: integer({
      key: "buckets",
      default: 256,
      min: 1,
      max: 4096,
      doc: "How many hash tags the keys are spread over. Fixed once the first store was opened under a prefix.",
    }),
    poolSize: integer({
      key: "pool_size",
      default: 10,
      min: 1,
      max: 1000,
      doc: "At most so many connections to each server. One carries many requests; more are opened under load.",
    }),
    retryCount: integer({
      key: "retry_count",
      default: 3,
      max: 1000,
      doc: "How many failed attempts to reconnect requests wait for; then they fail at once. What was sent is never sent again.",
    }),
    connectionTimeoutMs: seconds({
      key: "connection_timeout",
      default: 5_000,
      min: 100,
      doc: "How long opening the store may take, and each attempt to connect.",
    }),
    commandTimeoutMs: seconds({
      key: "command_timeout",
      default: 5_000,
      min: 100,
      doc: "How long a connection may owe an answer before it is given up.",
    }),
    caCert: path({
      key: "ca_cert",
      doc: "PEM file with the authorities that may sign the server's certificate, where they are not the system's.",
    }),
    clientCert: path({ key: "client_cert", doc: "PEM file with the certificate to show the server." }),
    clientKey: path({ key: "client_key", doc: "PEM file with the key of that certificate." }),
  },
  { check: addressFaults },
);
