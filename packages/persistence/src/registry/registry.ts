import { quote } from "../config/faults.ts";
import { loadConfig, type LoadOptions, type PersistenceConfig, type ProviderConfig } from "../config/load.ts";
import { suggest } from "../config/nearest.ts";
import { type ConfigSource } from "../config/read.ts";
import type { AddressableDirectory } from "../contract/directory.ts";
import type { CallOptions } from "../contract/driver.ts";
import { StoreError } from "../contract/error.ts";
import type { Health } from "../contract/health.ts";
import type { Layer } from "../contract/layer.ts";
import type { ClusterMembership } from "../contract/membership.ts";
import type { Store } from "../contract/store.ts";
import { cachedLookups } from "../directory/cached.ts";
import { directory } from "../directory/directory.ts";
import { membership } from "../membership/membership.ts";
import { type Clock, systemClock } from "../runtime/clock.ts";
import { within } from "../runtime/wait.ts";
import { createStore, type StoreOptions } from "../store/create-store.ts";

export interface RegistryOptions
  extends LoadOptions, Pick<StoreOptions, "clock" | "random" | "operationTimeoutMs" | "healthCheckIntervalMs"> {
  /** Makes the layers around the driver of a store, outermost first. Called once a store, so that none is shared. */
  readonly layers?: (name: string) => readonly Layer[];
  /** How far the rate of any clock may be off, in parts per million; 1,000 by default. */
  readonly maxClockDriftPpm?: number;
}

/** Named stores, and the directory and membership that stand on two of them. Each is opened once, when first asked for. */
export interface ProviderRegistry extends AsyncDisposable {
  names(): readonly string[];
  /**
   * Returns a store, opened. A failed opening is tried again by the next call.
   *
   * @throws StoreError `INVALID_ARGUMENT` for an unknown name, `CLOSED` after `close`, or what the opening throws.
   */
  store(name: string, options?: CallOptions): Promise<Store>;
  /** Adds an open store, which from now on is closed with the registry. */
  register(name: string, store: Store): void;
  /**
   * Returns the directory on the named store, or on the default for addressables. Its nodes are those of the
   * membership on the default for the cluster, or on the same store where there is none. A default cache answers its
   * lookups.
   *
   * @throws StoreError `UNSUPPORTED` for a store on which a failover can undo a grant, unless `allowWeak` is set.
   */
  directory(name?: string, options?: NamespaceOptions): Promise<AddressableDirectory>;
  /** Returns the membership on the named store, or on the default for the cluster. Throws as `directory` does. */
  membership(name?: string, options?: NamespaceOptions): Promise<ClusterMembership>;
  /** Checks every store, opening those that are not open. A store that can't be opened or asked is unhealthy. */
  health(options?: CallOptions): Promise<ReadonlyMap<string, Health>>;
  /**
   * Closes all stores, those registered before those of the configuration, on which they may stand. Idempotent.
   *
   * @throws AggregateError with every failure, once all have been tried.
   */
  close(): Promise<void>;
}

export interface NamespaceOptions extends CallOptions {
  /** Keeps several clusters on one store apart; `default` by default. */
  readonly namespace?: string;
}

/**
 * Makes the registry of a configuration, which is read first unless it has been. Opens no store yet.
 *
 * @throws StoreError `INVALID_CONFIG` as `loadConfig` does.
 */
export async function openRegistry(
  config: PersistenceConfig | ConfigSource,
  options: RegistryOptions = {},
): Promise<ProviderRegistry> {
  return new Registry("providers" in config ? config : await loadConfig(config, options), options);
}

type Role = "addressable" | "cluster";

class Registry implements ProviderRegistry {
  readonly #config: PersistenceConfig;
  readonly #options: RegistryOptions;
  readonly #clock: Clock;
  readonly #configured: ReadonlyMap<string, ProviderConfig>;
  readonly #registered = new Map<string, Store>();
  /** Stores opened or being opened. */
  readonly #opened = new Map<string, Promise<Store>>();
  /** One instance for each store and namespace: they remember what they have written and seen. */
  readonly #memberships = new Map<string, ClusterMembership>();
  readonly #directories = new Map<string, AddressableDirectory>();
  #closing: Promise<void> | undefined;

  constructor(config: PersistenceConfig, options: RegistryOptions) {
    this.#config = config;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#configured = new Map(config.providers.map((provider) => [provider.name, provider]));
  }

  names(): readonly string[] {
    return [...this.#configured.keys(), ...this.#registered.keys()];
  }

  async store(name: string, options?: CallOptions): Promise<Store> {
    this.#checkOpen();
    const registered = this.#registered.get(name);
    if (registered !== undefined) return registered;
    const config = this.#configured.get(name);
    if (config === undefined) {
      throw new StoreError("INVALID_ARGUMENT", `there is no store ${quote(name)}: ${suggest(name, this.names())}`);
    }
    let opening = this.#opened.get(name);
    if (opening === undefined) {
      opening = this.#open(config);
      this.#opened.set(name, opening);
      opening.catch(() => this.#opened.delete(name));
    }
    return within(opening, this.#clock, options, "none");
  }

  register(name: string, store: Store): void {
    this.#checkOpen();
    if (this.#configured.has(name) || this.#registered.has(name)) {
      throw new StoreError("INVALID_ARGUMENT", `there is a store ${quote(name)} already: choose another name`);
    }
    this.#registered.set(name, store);
  }

  async directory(name?: string, options: NamespaceOptions = {}): Promise<AddressableDirectory> {
    const on = name ?? this.#default("addressable");
    const store = await this.store(on, options);
    const cluster = await this.membership(this.#config.defaults.cluster ?? on, options);
    const { maxClockDriftPpm } = this.#options;
    const near = this.#config.defaults.cache;
    const cache = near === undefined || near === on ? undefined : await this.store(near, options);
    return remembered(this.#directories, [on, cluster.namespace], () => {
      const far = directory(store, {
        membership: cluster,
        allowWeak: this.#config.allowWeak,
        ...(maxClockDriftPpm !== undefined && { maxClockDriftPpm }),
      });
      return cache === undefined ? far : cachedLookups(far, { membership: cluster, cache });
    });
  }

  async membership(name?: string, options: NamespaceOptions = {}): Promise<ClusterMembership> {
    const on = name ?? this.#default("cluster");
    const store = await this.store(on, options);
    const { namespace = "default" } = options;
    const { maxClockDriftPpm } = this.#options;
    return remembered(this.#memberships, [on, namespace], () =>
      membership(store, {
        namespace,
        allowWeak: this.#config.allowWeak,
        ...(maxClockDriftPpm !== undefined && { maxClockDriftPpm }),
      }),
    );
  }

  async health(options?: CallOptions): Promise<ReadonlyMap<string, Health>> {
    this.#checkOpen();
    const checks = this.names().map(async (name): Promise<[string, Health]> => {
      const start = this.#clock.now();
      try {
        const store = await this.store(name, options);
        return [name, await store.health(options)];
      } catch (error) {
        const cause = error instanceof Error ? error.message : String(error);
        return [name, { status: "unhealthy", cause, latencyMs: this.#clock.now() - start }];
      }
    });
    return new Map(await Promise.all(checks));
  }

  close(): Promise<void> {
    this.#closing ??= this.#closeAll();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #open({ name, provider, options }: ProviderConfig): Promise<Store> {
    const { clock, random, operationTimeoutMs, healthCheckIntervalMs, layers } = this.#options;
    const { namespace } = this.#config;
    try {
      return await createStore(provider.create(options), {
        ...(namespace !== undefined && { namespace }),
        ...(clock !== undefined && { clock }),
        ...(random !== undefined && { random }),
        ...(operationTimeoutMs !== undefined && { operationTimeoutMs }),
        ...(healthCheckIntervalMs !== undefined && { healthCheckIntervalMs }),
        ...(layers !== undefined && { layers: layers(name) }),
      });
    } catch (error) {
      throw StoreError.from(error, { provider: provider.name, operation: "open" });
    }
  }

  async #closeAll(): Promise<void> {
    const failures: unknown[] = [];
    const settle = async (stores: readonly Promise<Store>[]): Promise<void> => {
      // An opening that fails has told its callers, and has closed its driver.
      const open = (await Promise.allSettled(stores)).flatMap((result) =>
        result.status === "fulfilled" ? [result.value] : [],
      );
      for (const result of await Promise.allSettled(open.map((store) => store.close()))) {
        if (result.status === "rejected") failures.push(result.reason);
      }
    };
    await settle([...this.#registered.values()].map((store) => Promise.resolve(store)));
    await settle([...this.#opened.values()]);
    if (failures.length > 0) throw new AggregateError(failures, `${failures.length} stores could not be closed`);
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw new StoreError("CLOSED", "the registry is closed");
  }

  #default(role: Role): string {
    const name = this.#config.defaults[role];
    if (name !== undefined) return name;
    const names = this.names().map(quote).join(", ");
    throw new StoreError("INVALID_ARGUMENT", `no default is set: name a store of ${names}, or set defaults.${role}`);
  }
}

function remembered<Value>(all: Map<string, Value>, parts: readonly string[], make: () => Value): Value {
  const key = JSON.stringify(parts);
  const known = all.get(key);
  if (known !== undefined) return known;
  const made = make();
  all.set(key, made);
  return made;
}
