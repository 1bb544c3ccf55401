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
export type {
  AcquireOptions,
  Acquired,
  AddressableDirectory,
  AddressableLease,
  Lease,
  LeaseGrant,
  ListOptions,
} from "./contract/directory.ts";
export type { GuardedData } from "./contract/guarded.ts";
export type {
  AdmitOptions,
  ClusterMembership,
  Holder,
  JoinOptions,
  MembershipView,
  NodeChange,
  NodeDescription,
  NodeInfo,
  NodeLease,
  NodeSession,
  NodeStatus,
  SweepOptions,
  SweepReport,
} from "./contract/membership.ts";
export type { Provider } from "./contract/provider.ts";
export type { Store, Transaction } from "./contract/store.ts";
export { breaker, type BreakerMessage, type BreakerOptions, type BreakerState } from "./layers/breaker.ts";
export { chaos, type ChaosLayer, type ChaosOptions } from "./layers/chaos.ts";
export { compress, type CompressionCodec, type CompressOptions } from "./layers/compress.ts";
export { encrypt, type EncryptOptions } from "./layers/encrypt.ts";
export { type KeyRing, keyRing, type KeyRingOptions } from "./layers/key-ring.ts";
export { limit, type LimitOptions } from "./layers/limit.ts";
export type { PersistenceMetrics } from "./layers/metrics.ts";
export { prefix, type PrefixOptions } from "./layers/prefix.ts";
export { retry, type RetryOptions } from "./layers/retry.ts";
export { timeout, type TimeoutOptions } from "./layers/timeout.ts";
export type { StoreTrace } from "./layers/trace.ts";
export { type Clock, systemClock } from "./runtime/clock.ts";
export { type Random, systemRandom } from "./runtime/random.ts";
export { createStore, type StoreOptions } from "./store/create-store.ts";
export type { HealthMessage } from "./store/health.ts";
export { type CachedDirectory, cachedLookups, type LookupCacheOptions } from "./directory/cached.ts";
export { directory, type DirectoryOptions } from "./directory/directory.ts";
export { remoteHolder } from "./directory/remote-holder.ts";
export type { LeaseEvent, MembershipEvent, StallEvent } from "./events.ts";
export { guarded, type GuardedOptions } from "./guarded/guarded.ts";
export { type GuardedSweepOptions, sweepGuarded } from "./guarded/sweep.ts";
export { membership, type MembershipOptions } from "./membership/membership.ts";
export { type AddressableKey, int32Key, int64Key, noKey, stringKey } from "./orbit/key.ts";
export {
  type AddressableReference,
  formatReference,
  type NamespacedAddressableReference,
  type NodeId,
} from "./orbit/reference.ts";
export { namespacesOf } from "./sweeper/namespaces.ts";
export { startSweeper, type Sweeper, type SweeperOptions } from "./sweeper/sweeper.ts";
export { countTombstones, type TombstoneCount } from "./sweeper/tombstones.ts";
export {
  configBuilder,
  type ConfigBuilder,
  type DefaultFor,
  type NamedForms,
  type ProviderSettings,
} from "./config/builder.ts";
export type { Defaults } from "./config/draft.ts";
export { faultsOf } from "./config/faults.ts";
export type { Environment } from "./config/from-env.ts";
export type { ConfigObject, ConfigProvider } from "./config/from-tables.ts";
export type { KnownTypeName } from "./config/known.ts";
export { loadConfig, type LoadOptions, type PersistenceConfig, type ProviderConfig } from "./config/load.ts";
export { type ConfigSource, readConfigFile } from "./config/read.ts";
export type { Fault, FieldInfo, OptionsSchema, OptionsSource, Parsed, UrlPart } from "./config/schema.ts";
export {
  type NamespaceOptions,
  openRegistry,
  type ProviderRegistry,
  type RegistryOptions,
} from "./registry/registry.ts";
export { type Files, systemFiles } from "./runtime/files.ts";
