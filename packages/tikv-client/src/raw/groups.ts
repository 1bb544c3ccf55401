import type { Call } from "../call/call.ts";
import type { RegionCache } from "../region/region-cache.ts";
import type { Region } from "../region/region.ts";

/** Requests of one call under way at once. */
const MAX_PARALLEL = 64;

export interface Limits<Item> {
  readonly maxItems: number;
  /** A group is closed once it is over this. */
  readonly maxBytes: number;
  readonly bytesOf: (item: Item) => number;
}

interface Group<Item> {
  readonly region: Region;
  readonly items: readonly Item[];
}

/** Groups items by the regions that hold their keys, in TiKV's form, and cuts groups that grow too large. */
async function groupsOf<Item extends { readonly key: Uint8Array }>(
  cache: RegionCache,
  call: Call,
  items: readonly Item[],
  { maxItems, maxBytes, bytesOf }: Limits<Item>,
): Promise<readonly Group<Item>[]> {
  const open = new Map<Region, { items: Item[]; bytes: number }>();
  const groups: Group<Item>[] = [];
  for (const item of items) {
    const region = await cache.locate(call, item.key);
    let group = open.get(region);
    if (group === undefined) {
      group = { items: [], bytes: 0 };
      open.set(region, group);
      groups.push({ region, items: group.items });
    }
    group.items.push(item);
    group.bytes += bytesOf(item);
    if (group.items.length >= maxItems || group.bytes > maxBytes) open.delete(region);
  }
  return groups;
}

/**
 * Sends items to the regions that hold them, groups side by side, and again where a region changed meanwhile. `send`
 * tells whether the region took them. After a failure no further group is started.
 */
export async function sendByRegion<Item extends { readonly key: Uint8Array }>(
  cache: RegionCache,
  call: Call,
  items: readonly Item[],
  limits: Limits<Item>,
  send: (call: Call, region: Region, items: readonly Item[]) => Promise<boolean>,
): Promise<void> {
  let left = items;
  while (left.length > 0) {
    const groups = await groupsOf(cache, call, left, limits);
    const again: Item[] = [];
    let next = 0;
    let failed = false;
    const work = async (): Promise<void> => {
      while (next < groups.length && !failed) {
        const { region, items: part } = groups[next++]!;
        const own = call.fork();
        try {
          if (!(await send(own, region, part))) again.push(...part);
        } catch (error) {
          failed = true;
          throw error;
        } finally {
          if (own.unknown) call.unknown = true;
        }
      }
    };
    await Promise.all(Array.from({ length: Math.min(MAX_PARALLEL, groups.length) }, work));
    left = again;
  }
}
