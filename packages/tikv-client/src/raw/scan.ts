import type { Call } from "../call/call.ts";
import { compareEnds, compareKeys } from "../codec/compare.ts";
import type { Range } from "../codec/key-space.ts";
import type { KvPair } from "../gen/kvrpcpb_pb.ts";
import { Tikv } from "../gen/tikvpb_pb.ts";
import type { RegionSender } from "../region/sender.ts";
import { refused } from "./refused.ts";

/** TiKV gives no more at once. */
export const MAX_PAGE: number = 10_240;

/** Above every key that TiKV takes. Downwards, an empty start would mean "below the first key". */
const AFTER_ALL = new Uint8Array(8_193).fill(0xff);

export interface ScanPlan {
  /** In TiKV's form. */
  readonly range: Range;
  readonly limit: number;
  readonly pageSize: number;
  readonly keysOnly: boolean;
  readonly reverse: boolean;
  readonly cf: string;
}

/** Reads a range region by region, a page at a time. Each page is one call: `start` makes it. */
export async function* scan(
  sender: RegionSender,
  start: () => Call,
  { range, limit, pageSize, keysOnly, reverse, cf }: ScanPlan,
): AsyncGenerator<readonly KvPair[], void, undefined> {
  let { start: from, end: to } = range;
  let left = limit;
  let call: Call | undefined;
  while (left > 0) {
    if (to.length > 0 && compareKeys(from, to) >= 0) return;
    call ??= start();
    const ask = Math.min(left, pageSize);
    const region = await (reverse ? sender.cache.locateBelow(call, to) : sender.cache.locate(call, from));
    // A region's answer must not be trusted beyond its bounds, so it is not asked beyond them.
    const low = reverse && compareKeys(region.start, from) > 0 ? region.start : from;
    const high = !reverse && compareEnds(region.end, to) < 0 ? region.end : to;
    const bounds = reverse
      ? { startKey: high.length === 0 ? AFTER_ALL : high, endKey: low }
      : { startKey: low, endKey: high };
    const fields = { ...bounds, limit: ask, keyOnly: keysOnly, reverse, cf };
    const answer = await sender.send(call, region, Tikv.method.rawScan, fields, "none");
    if (answer === undefined) continue;
    const failed = answer.kvs.find(({ error }) => error !== undefined)?.error;
    if (failed !== undefined) throw refused(call.name, failed.abort || failed.retryable);
    const last = answer.kvs.at(-1)?.key;
    const whole = answer.kvs.length < ask;
    if (reverse) to = whole || last === undefined ? low : last;
    else from = whole || last === undefined ? high : successor(last);
    left -= answer.kvs.length;
    if (answer.kvs.length > 0) {
      call = undefined;
      yield answer.kvs;
    }
    // The last region was read to its end.
    if (whole && (reverse ? low : high).length === 0) return;
  }
}

/** Gives the first key after a key. */
function successor(key: Uint8Array): Uint8Array {
  const next = new Uint8Array(key.length + 1);
  next.set(key);
  return next;
}
