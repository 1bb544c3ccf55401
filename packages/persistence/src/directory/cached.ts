import type {
  AcquireOptions,
  Acquired,
  AddressableDirectory,
  AddressableLease,
  LeaseGrant,
  ListOptions,
} from "../contract/directory.ts";
import type { CallOptions } from "../contract/driver.ts";
import { StoreError } from "../contract/error.ts";
import type { ClusterMembership, Holder, SweepOptions, SweepReport } from "../contract/membership.ts";
import type { Store } from "../contract/store.ts";
import { type AddressableReference, referenceParts } from "../orbit/reference.ts";
import { settleAll } from "../store/settle.ts";

export interface LookupCacheOptions {
  /** Tells which nodes live; the directory's own. */
  readonly membership: ClusterMembership;
  /** The near store, such as an embedded one. It must tell ages (clock rule `server-ttl` or `server-age`). */
  readonly cache: Store;
  /** How long a lease is told without asking the directory, in milliseconds; 1,000 by default. */
  readonly maxAgeMs?: number;
}

export interface CachedDirectory extends AddressableDirectory {
  /** Lookups answered by the near store, and those that went on to the directory. */
  metrics(): { readonly cache_hits: number; readonly cache_misses: number };
}

const MAX_AGE_MS = 1_000;
const CONCURRENCY = 64;

/**
 * Puts a fast near store before the lookups of a far directory. A lookup may be out of date by `maxAgeMs`; a lease of a
 * dead node is never told. Everything else goes to the directory itself, so that no takeover, fence or guarded write
 * rests on the cache. Leases with an own ttl are not cached.
 */
export function cachedLookups(far: AddressableDirectory, options: LookupCacheOptions): CachedDirectory {
  if (options.cache.capabilities.clock === "observer") {
    throw new StoreError("UNSUPPORTED", "a lookup cache needs a store that tells ages", {
      provider: options.cache.provider,
    });
  }
  return new LookupCache(far, options);
}

class LookupCache implements CachedDirectory {
  readonly namespace: string;
  readonly #far: AddressableDirectory;
  readonly #near: Store;
  readonly #membership: ClusterMembership;
  readonly #maxAgeMs: number;
  #hits = 0;
  #misses = 0;

  constructor(far: AddressableDirectory, options: LookupCacheOptions) {
    this.namespace = far.namespace;
    this.#far = far;
    this.#near = options.cache;
    this.#membership = options.membership;
    this.#maxAgeMs = options.maxAgeMs ?? MAX_AGE_MS;
  }

  async lookup(reference: AddressableReference, options?: CallOptions): Promise<AddressableLease | undefined> {
    const key = this.#keyOf(reference);
    const known = await this.#known(reference, key, options);
    if (known !== undefined) {
      this.#hits += 1;
      return known;
    }
    this.#misses += 1;
    const lease = await this.#far.lookup(reference, options);
    if (lease !== undefined) await this.#remember(key, lease);
    return lease;
  }

  async acquire(reference: AddressableReference, holder: Holder, options?: AcquireOptions): Promise<Acquired> {
    const acquired = await this.#far.acquire(reference, holder, options);
    await this.#remember(this.#keyOf(reference), acquired.ok ? acquired.lease : acquired.current);
    return acquired;
  }

  async renew(grant: LeaseGrant, options?: CallOptions): Promise<AddressableLease> {
    return this.#far.renew(grant, options);
  }

  async release(grant: LeaseGrant, options?: CallOptions): Promise<boolean> {
    const released = await this.#far.release(grant, options);
    await this.#forget(this.#keyOf(grant.reference));
    return released;
  }

  leases(options?: ListOptions): AsyncIterable<readonly AddressableLease[]> {
    return this.#far.leases(options);
  }

  leasesOf(nodeId: string, options?: ListOptions): AsyncIterable<readonly AddressableLease[]> {
    return this.#far.leasesOf(nodeId, options);
  }

  acquireMany(
    references: readonly AddressableReference[],
    holder: Holder,
    options?: AcquireOptions,
  ): Promise<readonly (Acquired | StoreError)[]> {
    return settleAll(references, CONCURRENCY, (reference) => this.acquire(reference, holder, options));
  }

  lookupMany(
    references: readonly AddressableReference[],
    options?: CallOptions,
  ): Promise<readonly (AddressableLease | undefined | StoreError)[]> {
    return settleAll(references, CONCURRENCY, (reference) => this.lookup(reference, options));
  }

  renewMany(grants: readonly LeaseGrant[], options?: CallOptions): Promise<readonly (AddressableLease | StoreError)[]> {
    return this.#far.renewMany(grants, options);
  }

  releaseMany(grants: readonly LeaseGrant[], options?: CallOptions): Promise<readonly (boolean | StoreError)[]> {
    return settleAll(grants, CONCURRENCY, (grant) => this.release(grant, options));
  }

  sweep(options?: SweepOptions): Promise<SweepReport> {
    return this.#far.sweep(options);
  }

  metrics(): { readonly cache_hits: number; readonly cache_misses: number } {
    return { cache_hits: this.#hits, cache_misses: this.#misses };
  }

  async #known(
    reference: AddressableReference,
    key: string,
    options: CallOptions | undefined,
  ): Promise<AddressableLease | undefined> {
    const entry = await aside(() => this.#near.get(key, options));
    if (entry?.ageMs === undefined || entry.ageMs > this.#maxAgeMs) return undefined;
    const { node, epoch, fence, grant } = JSON.parse(Buffer.from(entry.value).toString("utf8")) as Cached;
    if (!(await this.#membership.looksAlive({ id: node, epoch }, options))) return undefined;
    const nodeId = { namespace: this.namespace, key: node };
    return { reference, node: nodeId, epoch, fence: BigInt(fence), grant, ttlMs: undefined };
  }

  async #remember(key: string, lease: AddressableLease): Promise<void> {
    if (lease.ttlMs !== undefined) return this.#forget(key);
    const { epoch, grant } = lease;
    const cached: Cached = { node: lease.node.key, epoch, fence: String(lease.fence), grant };
    await aside(() => this.#near.put(key, Buffer.from(JSON.stringify(cached)), "always"));
  }

  async #forget(key: string): Promise<void> {
    await aside(() => this.#near.delete(key, "always"));
  }

  #keyOf(reference: AddressableReference): string {
    return JSON.stringify(["lookup", this.namespace, ...referenceParts(reference)]);
  }
}

/** A near store that fails must not fail the directory: its own metrics and channels tell of it, and entries age. */
async function aside<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (StoreError.is(error)) return undefined;
    throw error;
  }
}

interface Cached {
  readonly node: string;
  readonly epoch: string;
  readonly fence: string;
  readonly grant: string;
}
