export { StoreError, STORE_ERROR_CODES, type StoreErrorCode } from "./contract/error.ts";
export type { Capabilities, Limits } from "./contract/capabilities.ts";
export type {
  Change,
  Check,
  Commit,
  CommitConflict,
  Conflict,
  Cursor,
  Delete,
  DeleteOp,
  DeleteWhen,
  Entry,
  Put,
  PutOp,
  Range,
  Resync,
  Version,
  Watch,
  When,
  WriteOp,
} from "./contract/entry.ts";
export type { CallOptions, PutOptions, Session, StoreDriver } from "./contract/driver.ts";
export type { Health, HealthStatus } from "./contract/health.ts";
export type { Layer, LayerName } from "./contract/layer.ts";
export type { Provider } from "./contract/provider.ts";
export type { Store, Transaction } from "./contract/store.ts";
export type { PersistenceMetrics } from "./layers/metrics.ts";
export { type Clock, systemClock } from "./runtime/clock.ts";
export { type Random, systemRandom } from "./runtime/random.ts";
export { createStore, type StoreOptions } from "./store/create-store.ts";
