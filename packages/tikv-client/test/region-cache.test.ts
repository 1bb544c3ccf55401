import { create } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { Call } from "../src/call/call.ts";
import { rawV1 } from "../src/codec/key-space.ts";
import { RegionSchema } from "../src/gen/metapb_pb.ts";
import type { PlacedRegion } from "../src/pd/pd.ts";
import { RegionCache } from "../src/region/region-cache.ts";
import type { Runtime } from "../src/runtime.ts";

/** A region of keys from 0 to 255 in one byte; 256 is no end. */
interface Span {
  readonly id: bigint;
  readonly start: number;
  readonly end: number;
  readonly version: bigint;
}

const bound = (at: number): Uint8Array => (at === 0 || at === 256 ? new Uint8Array(0) : Uint8Array.of(at));

function placed({ id, start, end, version }: Span): PlacedRegion {
  const peers = [1n, 2n].map((storeId) => ({ id: id * 10n + storeId, storeId }));
  const fields = { id, startKey: bound(start), endKey: bound(end), regionEpoch: { version, confVer: 1n }, peers };
  const region = create(RegionSchema, fields);
  return { region, leader: region.peers[0], down: new Set() };
}

class Clock implements Runtime {
  time = 0;
  now(): number {
    return this.time;
  }
  random(): number {
    return 0;
  }
  after(): () => void {
    return () => {};
  }
}

/** PD over a list of regions that a test changes. */
class Placement {
  spans: readonly Span[];
  asked = 0;
  constructor(spans: readonly Span[]) {
    this.spans = spans;
  }
  async region(_call: Call, key: Uint8Array): Promise<PlacedRegion> {
    this.asked++;
    return placed(this.spans.findLast(({ start }) => start <= (key[0] ?? 0))!);
  }
  async previousRegion(_call: Call, key: Uint8Array): Promise<PlacedRegion> {
    this.asked++;
    const at = this.spans.findIndex(({ start }) => start === key[0]);
    return placed(this.spans[at - 1]!);
  }
}

const clock = new Clock();
const call = new Call(clock, "test", { deadline: 1e12, signal: undefined, budgetMs: 1 });
const HALVES: readonly Span[] = [
  { id: 1n, start: 0, end: 128, version: 1n },
  { id: 2n, start: 128, end: 256, version: 1n },
];

function cacheOf(pd: Placement, maxRegions = 1_000) {
  const epochs = new Map<bigint, number>();
  const stores = { epoch: (id: bigint) => epochs.get(id) ?? 0 };
  return { epochs, cache: new RegionCache(rawV1(false), { pd, stores, runtime: clock, maxRegions }) };
}

const key = (at: number): Uint8Array => Uint8Array.of(at);

describe("the region cache", () => {
  test("asks PD once for a region, whatever keys of it are asked for, and many askers share few questions", async () => {
    const pd = new Placement(HALVES);
    const { cache } = cacheOf(pd);
    const found = await Promise.all(Array.from({ length: 100 }, async (_, at) => cache.locate(call, key(at))));
    expect(new Set(found.map(({ id }) => id))).toEqual(new Set([1n]));
    expect(pd.asked).toBeLessThanOrEqual(8);
    const before = pd.asked;
    await cache.locate(call, key(5));
    expect(pd.asked).toBe(before);
  });

  test("finds the region below a key", async () => {
    const { cache } = cacheOf(new Placement(HALVES));
    for (const _ of ["asked", "remembered"]) {
      expect((await cache.locateBelow(call, key(128))).id).toBe(1n);
      expect((await cache.locateBelow(call, key(129))).id).toBe(2n);
      expect((await cache.locateBelow(call, new Uint8Array(0))).id).toBe(2n);
    }
  });

  test("forgets a region that was not used for ten minutes, and keeps one that was", async () => {
    const pd = new Placement(HALVES);
    const { cache } = cacheOf(pd);
    await cache.locate(call, key(1));
    clock.time += 599_000;
    await cache.locate(call, key(1));
    clock.time += 599_000;
    await cache.locate(call, key(1));
    expect(pd.asked).toBe(1);
    clock.time += 601_000;
    await cache.locate(call, key(1));
    expect(pd.asked).toBe(2);
  });

  test("looks up again what a failed store led, and only that", async () => {
    const pd = new Placement(HALVES);
    const { cache, epochs } = cacheOf(pd);
    const region = await cache.locate(call, key(1));
    epochs.set(2n, 1);
    expect(await cache.locate(call, key(1))).toBe(region);
    epochs.set(1n, 1);
    expect(await cache.locate(call, key(1))).not.toBe(region);
    expect(pd.asked).toBe(2);
  });

  test("follows a leader without asking PD", async () => {
    const pd = new Placement(HALVES);
    const { cache } = cacheOf(pd);
    const region = await cache.locate(call, key(1));
    expect(region.follow(region.peers[1]!)).toBe(true);
    expect((await cache.locate(call, key(1))).leader.storeId).toBe(2n);
    expect(pd.asked).toBe(1);
  });

  test("stays within its limit, and drops entries that were not used for long", async () => {
    const spans = Array.from({ length: 256 }, (_, at) => ({ id: BigInt(at + 1), start: at, end: at + 1, version: 1n }));
    const { cache } = cacheOf(new Placement(spans), 100);
    for (let at = 0; at < 1_000; at++) {
      clock.time++;
      await cache.locate(call, key((at * 97) % 256));
      expect(cache.size).toBeLessThanOrEqual(100);
    }
    clock.time += 700_000;
    for (let at = 0; at < 40; at++) await cache.locate(call, key(at));
    expect(cache.size).toBeLessThanOrEqual(41);
  });

  test("never goes back to what is older, and never serves a key from a region that does not hold it", async () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant("split" as const), at: fc.integer({ min: 1, max: 255 }) }),
      fc.record({ kind: fc.constant("merge" as const), at: fc.integer({ min: 0, max: 255 }) }),
      fc.record({ kind: fc.constant("locate" as const), at: fc.integer({ min: 0, max: 255 }), lag: fc.nat(4) }),
      fc.record({ kind: fc.constant("heard" as const), at: fc.integer({ min: 0, max: 255 }), lag: fc.nat(4) }),
      fc.record({ kind: fc.constant("invalidate" as const), at: fc.integer({ min: 0, max: 255 }) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const history: (readonly Span[])[] = [HALVES];
        const pd = new Placement(HALVES);
        const { cache } = cacheOf(pd);
        /** The newest version that was remembered for each key since it was last forgotten. */
        const known = new Map<number, bigint>();
        let nextId = 10n;
        for (const each of steps) {
          const now = history.at(-1)!;
          if (each.kind === "split") {
            const old = now.findLast(({ start }) => start <= each.at)!;
            if (old.start === each.at) continue;
            const version = old.version + 1n;
            const parts = [
              { ...old, end: each.at, version },
              { id: nextId++, start: each.at, end: old.end, version },
            ];
            history.push(now.flatMap((span) => (span === old ? parts : [span])));
          } else if (each.kind === "merge") {
            const index = now.findLastIndex(({ start }) => start <= each.at);
            const [left, right] = [now[index]!, now[index + 1]];
            if (right === undefined) continue;
            // As TiKV: the one that stays is newer than both.
            const version = (left.version > right.version ? left.version : right.version) + 1n;
            const merged = { ...left, end: right.end, version };
            history.push(now.flatMap((span) => (span === left ? [merged] : span === right ? [] : [span])));
          } else if (each.kind === "invalidate") {
            const region = await cache.locate(call, key(each.at));
            cache.invalidate(region);
            known.clear();
          } else {
            pd.spans = history.at(-1 - Math.min(each.lag, history.length - 1))!;
            if (each.kind === "heard") cache.insert(await pd.region(call, key(each.at)));
            const region = await cache.locate(call, key(each.at));
            expect(region.holds(key(each.at))).toBe(true);
            const before = pd.asked;
            const again = await cache.locate(call, key(each.at));
            if (pd.asked > before) continue;
            // It was remembered, so it must be no older than what was remembered before.
            expect(again.version).toBeGreaterThanOrEqual(known.get(each.at) ?? 0n);
            known.set(each.at, again.version);
          }
        }
      }),
      { numRuns: 300 },
    );
  });
});
