export type { KeyJson, LeaseJson, NodeJson } from "./admin/json.ts";
export type { OrbitServerBuilder } from "./builder.ts";
export { type LogLevel, type ServerOptions, serverOptions, type TlsFiles } from "./options.ts";
export type { Readiness } from "./readiness.ts";
export { OrbitServer, type ServerAddress } from "./server.ts";
