import type { Entry, Range } from "@orbit/persistence/driver";

import type { RedisClient } from "./client.ts";
import type { Layout } from "./keys.ts";

/** Reads the values of keys: with them, or their versions alone. Absent ones are `undefined`. */
export type ReadValues = (keys: readonly string[], keysOnly: boolean) => Promise<readonly (Entry | undefined)[]>;

const MAX_PAGE = 256;
/** The first page is small, since nothing is known of the size of values. */
const FIRST_PAGE = 32;
/** About so many bytes of values make a page. */
const PAGE_BYTES = 4 * 2 ** 20;
/** Sorts after every character of a key. */
const PAST_ALL = "\x7f";

interface Bucket {
  readonly bucket: number;
  /** Keys read and not yet yielded, in order. */
  readonly ahead: string[];
  /** The last key read; what follows is not known. `undefined` once all were read. */
  last: string | undefined;
}

/** Merges the indexes of all buckets. Of each only a few keys are held. */
export async function* scanBuckets(
  client: RedisClient,
  layout: Layout,
  { prefix, after, limit = Number.POSITIVE_INFINITY, keysOnly = false }: Range,
  readValues: ReadValues,
): AsyncGenerator<readonly Entry[], void, undefined> {
  const end = `(${prefix}${PAST_ALL}`;
  const start = after !== undefined && after >= prefix ? `(${after}` : `[${prefix}`;
  const buckets = Array.from({ length: layout.buckets }, (_, bucket): Bucket => ({ bucket, ahead: [], last: start }));
  let [left, size] = [limit, Math.min(limit, FIRST_PAGE)];
  let ready: string[] = [];
  for (;;) {
    if (ready.length === 0) {
      await refill(client, layout, buckets, end, Math.min(left, MAX_PAGE));
      ready = takeReady(buckets);
    }
    if (ready.length === 0 && buckets.every(({ last }) => last === undefined)) return;
    const keys = ready.splice(0, Math.min(size, left));
    const page = (await readValues(keys, keysOnly)).filter((entry) => entry !== undefined);
    if (page.length > 0) yield page;
    left -= page.length;
    if (left === 0) return;
    const bytes = page.reduce((sum, { value }) => sum + value.length, 1);
    size = Math.max(1, Math.min(MAX_PAGE, 4 * size, Math.floor((PAGE_BYTES * page.length) / bytes)));
  }
}

/** Reads on in every bucket that has little left. */
async function refill(
  client: RedisClient,
  layout: Layout,
  buckets: readonly Bucket[],
  end: string,
  want: number,
): Promise<void> {
  const count = Math.min(want, Math.max(4, Math.ceil((2 * want) / layout.buckets)));
  await Promise.all(
    buckets.map(async (bucket) => {
      if (bucket.last === undefined || bucket.ahead.length > count / 2) return;
      const range = [bucket.last, end, "LIMIT", "0", String(count)];
      const reply = await client.read("zrangebylex", [layout.index(bucket.bucket), ...range]);
      const members = (reply as readonly Buffer[]).map((member) => member.toString("latin1"));
      bucket.ahead.push(...members);
      bucket.last = members.length < count ? undefined : `(${members.at(-1)}`;
    }),
  );
}

/** Takes the keys before which none can come any more, in order. */
function takeReady(buckets: readonly Bucket[]): string[] {
  const bounds = buckets.flatMap(({ last, ahead }) => (last === undefined ? [] : [ahead.at(-1) ?? ""]));
  const bound = bounds.length === 0 ? undefined : bounds.reduce((least, each) => (each < least ? each : least));
  const ready = buckets.flatMap(({ ahead }) => {
    const past = bound === undefined ? -1 : ahead.findIndex((key) => key > bound);
    return ahead.splice(0, past < 0 ? ahead.length : past);
  });
  return ready.sort();
}
