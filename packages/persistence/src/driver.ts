// What plugin authors need beside the types of the main entry.
export { CONTRACT } from "./contract/capabilities.ts";
export type { Capabilities, Limits } from "./contract/capabilities.ts";
export type {
  Change,
  Check,
  Commit,
  Conflict,
  Cursor,
  Delete,
  DeleteWhen,
  Entry,
  Put,
  Range,
  Resync,
  Version,
  Watch,
  When,
  WriteOp,
} from "./contract/entry.ts";
export type { CallOptions, PutOptions, Session, StoreDriver } from "./contract/driver.ts";
export { StoreError, type StoreErrorCode, type StoreErrorInit } from "./contract/error.ts";
export type { Health, HealthStatus } from "./contract/health.ts";
export { type Layer, LAYER_ORDER, type LayerName } from "./contract/layer.ts";
export type { Provider } from "./contract/provider.ts";
export { type Around, type DriverCall, type DriverOperation, wrapDriver } from "./layers/around.ts";
export { partitionOf } from "./keys/partition.ts";
export { type Coder, CODERS } from "./layers/codecs.ts";
export { compose, defineLayer } from "./layers/compose.ts";
export { type Cancel, type Clock, systemClock } from "./runtime/clock.ts";
export { type Random, randomHex, systemRandom } from "./runtime/random.ts";
export { sleep } from "./runtime/wait.ts";
export { defineOptions, type OptionsChecks } from "./config/define.ts";
export { faultsOf } from "./config/faults.ts";
export {
  boolean,
  bytes,
  type Field,
  type Fields,
  type FieldSpec,
  type Given,
  group,
  type GroupSpec,
  integer,
  list,
  type ManySpec,
  milliseconds,
  type NestedProvider,
  type NumberSpec,
  oneOf,
  type OneOfSpec,
  path,
  provider,
  seconds,
  secret,
  table,
  text,
  type TextSpec,
} from "./config/fields.ts";
export type { Fault, FieldInfo, OptionsSchema, OptionsSource, Parsed, UrlPart } from "./config/schema.ts";
