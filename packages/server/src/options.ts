import {
  bytes,
  defineOptions,
  group,
  integer,
  oneOf,
  type OptionsSchema,
  path,
  seconds,
  text,
} from "@orbit/persistence/driver";

export type LogLevel = "trace" | "debug" | "info" | "warn" | "error" | "silent";

/** Files in PEM format. With `ca`, clients must show a certificate that it signed. */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
  readonly ca?: string | undefined;
}

export interface ServerOptions {
  /** The namespace of requests that name none. */
  readonly namespace: string;
  /** The address that gRPC listens on. */
  readonly host: string;
  /** The port of gRPC; 0 takes a free one. */
  readonly port: number;
  readonly adminHost: string;
  /** The port of health, metrics and the admin API; 0 takes a free one. */
  readonly adminPort: number;
  /** The id of this server among the servers; host name and process id where it is not given. */
  readonly nodeId?: string | undefined;
  /** Where others reach this server; made of host and port where it is not given. */
  readonly url?: string | undefined;
  readonly logLevel: LogLevel;
  /** How long calls under way may go on after a stop was asked for. */
  readonly drainTimeoutMs: number;
  /** Larger request messages are refused. */
  readonly maxMessageBytes: number;
  readonly sweepIntervalMs: number;
  readonly tls?: TlsFiles | undefined;
}

/** The options of the server: the table `[server]` of a file, and variables `ORBIT_PORT`, `ORBIT_NAMESPACE` and so on. */
export const serverOptions: OptionsSchema<ServerOptions> = defineOptions<ServerOptions>({
  namespace: text({ key: "namespace", doc: "The namespace of requests that name none.", default: "default" }),
  host: text({
    key: "host",
    doc: "The address that gRPC listens on. There is no authentication without tls.ca: open it to trusted networks only.",
    default: "127.0.0.1",
  }),
  port: integer({ key: "port", doc: "The port of gRPC; 0 takes a free one.", max: 65_535, default: 50_051 }),
  adminHost: text({
    key: "admin_host",
    doc: "The address of health, metrics and the admin API, which ask for no credentials.",
    default: "127.0.0.1",
  }),
  adminPort: integer({
    key: "admin_port",
    doc: "The port of health, metrics and the admin API; 0 takes a free one.",
    max: 65_535,
    default: 50_052,
  }),
  nodeId: text({
    key: "node_id",
    doc: "The id of this server among the servers; host name and process id where it is not given.",
  }),
  url: text({ key: "url", doc: "Where others reach this server; made of host and port where it is not given." }),
  logLevel: oneOf({
    key: "log_level",
    doc: "What is logged; requests at debug, leases and nodes at info.",
    values: ["trace", "debug", "info", "warn", "error", "silent"] as const,
    default: "info",
  }),
  drainTimeoutMs: seconds({
    key: "drain_timeout",
    doc: "How long calls under way may go on after a stop was asked for.",
    default: 10_000,
  }),
  maxMessageBytes: bytes({
    key: "max_message_size",
    doc: "Larger request messages are refused.",
    min: 1024,
    max: 2 ** 31 - 1,
    default: 4 * 1024 * 1024,
  }),
  sweepIntervalMs: seconds({
    key: "sweep_interval",
    doc: "Pause between two rounds that remove what is expired; one server sweeps at a time.",
    default: 30_000,
  }),
  tls: group<TlsFiles>({
    key: "tls",
    doc: "Certificates for gRPC; plain text without.",
    fields: {
      cert: path({ key: "cert", doc: "The server's certificate chain, in PEM.", required: true }),
      key: path({ key: "key", doc: "The server's private key, in PEM.", required: true }),
      ca: path({ key: "ca", doc: "With it, clients must show a certificate that it signed." }),
    },
  }),
});
