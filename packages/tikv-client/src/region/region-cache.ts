import type { Call } from "../call/call.ts";
import { compareKeys } from "../codec/compare.ts";
import type { KeySpace } from "../codec/key-space.ts";
import type { Region as RegionMeta } from "../gen/metapb_pb.ts";
import type { PlacedRegion, PlacementDriver } from "../pd/pd.ts";
import type { Runtime } from "../runtime.ts";
import { Region } from "./region.ts";
import type { Stores } from "./stores.ts";

/** As client-go: a region that was not used for so long is looked up again. */
const TTL_MS = 600_000;
const TTL_JITTER_MS = 60_000;
/** So many questions to PD at once; who comes later finds most answers in the cache. */
const MAX_LOADS = 8;
/** At each insert so many entries are looked at for old ones. */
const SWEEP = 8;

/** Who knows where regions are. */
type Locator = Pick<PlacementDriver, "region" | "previousRegion">;

export interface CacheParts {
  readonly pd: Locator;
  readonly stores: Pick<Stores, "epoch">;
  readonly runtime: Runtime;
  readonly maxRegions: number;
}

interface Entry {
  readonly region: Region;
  /** The failures of the leader's store when the region was placed. */
  readonly storeEpoch: number;
  readonly leaderStore: bigint;
  readonly ttlMs: number;
  usedAt: number;
}

/** Remembers which region holds a key. Holds at most `maxRegions`, in order of their starts and without overlaps. */
export class RegionCache {
  readonly space: KeySpace;
  readonly #pd: Locator;
  readonly #stores: Pick<Stores, "epoch">;
  readonly #runtime: Runtime;
  readonly #maxRegions: number;
  readonly #entries: Entry[] = [];
  readonly #loads = new Set<Promise<PlacedRegion>>();
  #sweepAt = 0;

  constructor(space: KeySpace, { pd, stores, runtime, maxRegions }: CacheParts) {
    this.space = space;
    this.#pd = pd;
    this.#stores = stores;
    this.#runtime = runtime;
    this.#maxRegions = maxRegions;
  }

  get size(): number {
    return this.#entries.length;
  }

  /** Gives the region that holds a key, in TiKV's form. */
  locate(call: Call, key: Uint8Array): Region | Promise<Region> {
    return this.#cached(this.#at(key), (region) => region.holds(key)) ?? this.#locate(call, key, false);
  }

  /** Gives the region that holds the keys right below `key`; an empty one means the last region. */
  locateBelow(call: Call, key: Uint8Array): Region | Promise<Region> {
    return this.#cached(this.#below(key), holdsBelow(key)) ?? this.#locate(call, key, true);
  }

  /** Forgets a region, so that it is looked up again. */
  invalidate(region: Region): void {
    const index = this.#entries.findIndex((entry) => entry.region === region);
    if (index >= 0) this.#entries.splice(index, 1);
  }

  /** Takes what a store tells of regions that changed. Those that the store leads are the old one's heirs. */
  replace(region: Region, current: readonly RegionMeta[], leaderStore: bigint): void {
    this.invalidate(region);
    for (const meta of current) {
      const leader = meta.peers.find(({ storeId }) => storeId === leaderStore);
      this.insert({ region: meta, leader, down: new Set() });
    }
  }

  /**
   * Takes a region, in place of all that it overlaps. What is older than one of these is not taken: an answer of a PD
   * or a store that lags must not undo what is known. Gives the region in both cases.
   */
  insert(placed: PlacedRegion): Region {
    const region = new Region(placed, this.space);
    let from = this.#at(region.start);
    if (from < 0 || !this.#entries[from]!.region.overlaps(region)) from++;
    let to = from;
    while (to < this.#entries.length && this.#entries[to]!.region.overlaps(region)) to++;
    if (this.#entries.slice(from, to).some((entry) => older(region, entry.region))) return region;
    const leaderStore = region.leader.storeId;
    const entry: Entry = {
      region,
      leaderStore,
      storeEpoch: this.#stores.epoch(leaderStore),
      ttlMs: TTL_MS + this.#runtime.random() * TTL_JITTER_MS,
      usedAt: this.#runtime.now(),
    };
    this.#entries.splice(from, to - from, entry);
    this.#sweep(entry);
    return region;
  }

  async #locate(call: Call, key: Uint8Array, below: boolean): Promise<Region> {
    const { space } = this;
    for (;;) {
      // A failure there is told to the call that asked.
      if (this.#loads.size >= MAX_LOADS) await Promise.race(this.#loads).catch(() => undefined);
      const found = below
        ? this.#cached(this.#below(key), holdsBelow(key))
        : this.#cached(this.#at(key), (region) => region.holds(key));
      if (found !== undefined) return found;
      call.check();
      if (this.#loads.size >= MAX_LOADS) continue;
      const load = below ? this.#placedBelow(call, space.toPd(key)) : this.#pd.region(call, space.toPd(key));
      this.#loads.add(load);
      try {
        return this.insert(await load);
      } finally {
        this.#loads.delete(load);
      }
    }
  }

  /** PD looks up the region that holds a key: where that one starts with it, the one before is meant. */
  async #placedBelow(call: Call, key: Uint8Array): Promise<PlacedRegion> {
    if (key.length === 0) {
      // No key is the last; PD lists the region that holds the greatest it can be asked for.
      return this.#pd.region(call, new Uint8Array(MAX_PD_KEY_BYTES).fill(0xff));
    }
    const placed = await this.#pd.region(call, key);
    return compareKeys(placed.region.startKey, key) === 0 ? this.#pd.previousRegion(call, key) : placed;
  }

  #cached(index: number, holds: (region: Region) => boolean): Region | undefined {
    const entry = this.#entries[index];
    if (entry === undefined || !holds(entry.region)) return undefined;
    const now = this.#runtime.now();
    // A leader that was followed since is not the one that the failure was counted for.
    const failed =
      entry.region.leader.storeId === entry.leaderStore && this.#stores.epoch(entry.leaderStore) !== entry.storeEpoch;
    if (failed || now - entry.usedAt > entry.ttlMs) {
      this.#entries.splice(index, 1);
      return undefined;
    }
    entry.usedAt = now;
    return entry.region;
  }

  /** Gives the index of the last entry that starts at or before a key, or -1. */
  #at(key: Uint8Array): number {
    return this.#search((start) => compareKeys(start, key) <= 0);
  }

  #below(key: Uint8Array): number {
    return key.length === 0 ? this.#entries.length - 1 : this.#search((start) => compareKeys(start, key) < 0);
  }

  #search(before: (start: Uint8Array) => boolean): number {
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (before(this.#entries[middle]!.region.start)) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /** Drops a few old entries, and the one of them that was used longest ago where there are too many. */
  #sweep(inserted: Entry): void {
    const now = this.#runtime.now();
    let coldest: number | undefined;
    for (let looked = 0; looked < SWEEP && this.#entries.length > 1; looked++) {
      if (this.#sweepAt >= this.#entries.length) this.#sweepAt = 0;
      const entry = this.#entries[this.#sweepAt]!;
      if (entry !== inserted && now - entry.usedAt > entry.ttlMs) {
        this.#entries.splice(this.#sweepAt, 1);
        coldest = undefined;
        continue;
      }
      const colder = coldest === undefined || entry.usedAt < this.#entries[coldest]!.usedAt;
      if (entry !== inserted && colder) coldest = this.#sweepAt;
      this.#sweepAt++;
    }
    if (this.#entries.length > this.#maxRegions && coldest !== undefined) this.#entries.splice(coldest, 1);
  }
}

/** Longer than any key that TiKV takes, in PD's form. */
const MAX_PD_KEY_BYTES = 16_384;

function older(region: Region, known: Region): boolean {
  if (region.id === known.id) return region.version < known.version || region.confVersion < known.confVersion;
  return region.version < known.version;
}

function holdsBelow(key: Uint8Array): (region: Region) => boolean {
  return ({ start, end }) => {
    if (key.length === 0) return end.length === 0;
    return compareKeys(start, key) < 0 && (end.length === 0 || compareKeys(key, end) <= 0);
  };
}
