export type { CallOptions } from "./call/call.ts";
export { TikvClient } from "./client.ts";
export type { Range } from "./codec/key-space.ts";
export { TIKV_ERROR_CODES, TikvError, type TikvErrorCode, type TikvErrorInit } from "./errors.ts";
export type { TlsOptions } from "./grpc/socket.ts";
export type { ApiVersion, TikvClientOptions } from "./options.ts";
export { physicalMs } from "./pd/oracle.ts";
export type {
  Checksum,
  Pair,
  PutOptions,
  RawClient,
  RawOptions,
  RawPut,
  ScanOptions,
  Swap,
  Swapped,
} from "./raw/raw-client.ts";
