import type { DescMessage, DescMethodUnary, MessageInitShape, MessageShape } from "@bufbuild/protobuf";

import type { Call, CallOptions } from "../call/call.ts";
import { compareEnds, compareKeys } from "../codec/compare.ts";
import type { KeySpace, Range } from "../codec/key-space.ts";
import { ChecksumAlgorithm } from "../gen/kvrpcpb_pb.ts";
import { Tikv } from "../gen/tikvpb_pb.ts";
import type { ApiVersion } from "../options.ts";
import type { Region } from "../region/region.ts";
import type { Effect, RegionSender } from "../region/sender.ts";
import { checkedRange, checkKey, checkTtl, checkValue, invalid } from "./checks.ts";
import { type Limits, sendByRegion } from "./groups.ts";
import { refused } from "./refused.ts";
import { MAX_PAGE, scan } from "./scan.ts";

export interface RawOptions {
  /** One of `default`, `write` and `lock`. Default: `default`, the only one under API V2. */
  readonly columnFamily?: string;
  /**
   * Lets puts and deletes take their turn with `compareAndSwap`. Whoever swaps keys must write them this way alone:
   * other writes can be lost to a swap. Costs a latch at the store. Default: false.
   */
  readonly atomic?: boolean;
}

export interface Pair {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

export interface PutOptions extends CallOptions {
  /** Seconds after which the key is gone. Needs API V1TTL or V2. Default: never. */
  readonly ttlSeconds?: number;
}

export interface RawPut extends Pair {
  readonly ttlSeconds?: number;
}

export interface ScanOptions extends CallOptions {
  /** Included. Default: from the first key. */
  readonly start?: Uint8Array;
  /** Excluded. Default: to the last key. */
  readonly end?: Uint8Array;
  /** The most pairs that are given. Default: all. */
  readonly limit?: number;
  /** The most pairs of a page, up to 10,240. Default: 256. */
  readonly pageSize?: number;
  /** Gives empty values. Default: false. */
  readonly keysOnly?: boolean;
  /** From the end down to the start. Default: false. */
  readonly reverse?: boolean;
}

export interface Swap extends PutOptions {
  /** What the key must hold; undefined: it must be absent. */
  readonly previous: Uint8Array | undefined;
  readonly value: Uint8Array;
}

export interface Swapped {
  readonly swapped: boolean;
  /** What the key held before; undefined: it was absent. */
  readonly previous: Uint8Array | undefined;
}

export interface Checksum {
  /** The CRC-64 sums of the pairs, each over key and value, combined by exclusive or. */
  readonly crc64Xor: bigint;
  readonly pairs: bigint;
  readonly bytes: bigint;
}

interface Checked {
  readonly cf: string;
  readonly forCas: boolean;
  readonly ttl: boolean;
}

const { method } = Tikv;

const DEFAULT_PAGE = 256;
// As client-go: requests of many keys are cut here.
const KEYS: Limits<{ readonly key: Uint8Array }> = {
  maxItems: 512,
  maxBytes: Number.POSITIVE_INFINITY,
  bytesOf: () => 0,
};
const PAIRS: Limits<RawPut> = {
  maxItems: Number.POSITIVE_INFINITY,
  maxBytes: 16_384,
  bytesOf: ({ key, value }) => key.length + value.length,
};

export function checkedRawOptions({ columnFamily = "", atomic = false }: RawOptions, apiVersion: ApiVersion): Checked {
  if (typeof columnFamily !== "string") throw invalid("columnFamily", "a text");
  if (apiVersion === "V2" && columnFamily !== "" && columnFamily !== "default") {
    throw invalid("columnFamily", '"default", the only one under API V2');
  }
  if (typeof atomic !== "boolean") throw invalid("atomic", "true or false");
  return { cf: columnFamily, forCas: atomic, ttl: apiVersion !== "V1" };
}

/**
 * Reads and writes keys one by one, outside transactions: each call is atomic for one key only. Reads are linearizable.
 *
 * A put or delete whose answer was lost is sent again. If it fails in the end with the outcome `unknown`, it may have
 * been applied, or be applied up to ten seconds later. `compareAndSwap` is never sent again.
 */
export class RawClient {
  readonly #sender: RegionSender;
  readonly #space: KeySpace;
  readonly #start: (name: string, options: CallOptions | undefined) => Call;
  readonly #options: Checked;

  /** @internal */
  constructor(sender: RegionSender, start: (name: string, options: CallOptions | undefined) => Call, options: Checked) {
    this.#sender = sender;
    this.#space = sender.cache.space;
    this.#start = start;
    this.#options = options;
  }

  /** Gives the value of a key; undefined where it is absent. */
  async get(key: Uint8Array, options?: CallOptions): Promise<Uint8Array | undefined> {
    const { error, notFound, value } = await this.#one(
      "get",
      options,
      key,
      method.rawGet,
      { cf: this.#options.cf },
      "none",
    );
    if (error !== "") throw refused("get", error);
    return notFound ? undefined : value.slice();
  }

  /** Gives the values of keys, each at the place of its key; undefined where one is absent. Keys are read one by one. */
  async batchGet(keys: readonly Uint8Array[], options?: CallOptions): Promise<readonly (Uint8Array | undefined)[]> {
    const items = this.#keys(keys);
    const call = this.#start("batchGet", options);
    const found = new Map<string, Uint8Array>();
    await sendByRegion(this.#sender.cache, call, items, KEYS, async (part, region, group) => {
      const fields = { keys: group.map(({ key }) => key), cf: this.#options.cf };
      const answer = await this.#sender.send(part, region, method.rawBatchGet, fields, "none");
      for (const { key, value, error } of answer?.pairs ?? []) {
        if (error !== undefined) throw refused(call.name, error.abort || error.retryable);
        found.set(text(key), value.slice());
      }
      return answer !== undefined;
    });
    return items.map(({ key }) => found.get(text(key)));
  }

  /** Puts a value. */
  async put(key: Uint8Array, value: Uint8Array, { ttlSeconds, ...options }: PutOptions = {}): Promise<void> {
    checkValue("value", value);
    const ttl = this.#ttl("ttlSeconds", ttlSeconds);
    const { cf, forCas } = this.#options;
    const { error } = await this.#one("put", options, key, method.rawPut, { value, ttl, cf, forCas }, "repeatable");
    if (error !== "") throw refused("put", error);
  }

  /** Puts many values, each on its own: after a failure some may have been put. No key may stand there twice. */
  async batchPut(pairs: readonly RawPut[], options?: CallOptions): Promise<void> {
    if (!Array.isArray(pairs)) throw invalid("pairs", "a list");
    const items = pairs.map(({ key, value, ttlSeconds }: RawPut, index) => {
      checkKey(`pairs[${index}].key`, key, this.#space.prefixBytes);
      checkValue(`pairs[${index}].value`, value);
      return { key: this.#space.toTikv(key), value, ttl: this.#ttl(`pairs[${index}].ttlSeconds`, ttlSeconds) };
    });
    const twice = items.length - new Set(items.map(({ key }) => text(key))).size;
    if (twice > 0) throw invalid("pairs", `each key once, not ${twice} of them again`);
    const call = this.#start("batchPut", options);
    const { cf, forCas } = this.#options;
    await sendByRegion(this.#sender.cache, call, items, PAIRS, async (part, region, group) => {
      const expires = group.some(({ ttl }) => ttl > 0n);
      const fields = {
        pairs: group.map(({ key, value }) => ({ key, value })),
        ttls: expires ? group.map(({ ttl }) => ttl) : [],
        cf,
        forCas,
      };
      return this.#took(part, await this.#sender.send(part, region, method.rawBatchPut, fields, "repeatable"));
    });
  }

  /** Deletes a key. One that is absent stays so. */
  async delete(key: Uint8Array, options?: CallOptions): Promise<void> {
    const { cf, forCas } = this.#options;
    const { error } = await this.#one("delete", options, key, method.rawDelete, { cf, forCas }, "repeatable");
    if (error !== "") throw refused("delete", error);
  }

  /** Deletes many keys, each on its own: after a failure some may have been deleted. */
  async batchDelete(keys: readonly Uint8Array[], options?: CallOptions): Promise<void> {
    const items = this.#keys(keys);
    const call = this.#start("batchDelete", options);
    const { cf, forCas } = this.#options;
    await sendByRegion(this.#sender.cache, call, items, KEYS, async (part, region, group) => {
      const fields = { keys: group.map(({ key }) => key), cf, forCas };
      return this.#took(part, await this.#sender.send(part, region, method.rawBatchDelete, fields, "repeatable"));
    });
  }

  /** Deletes all keys of a range, region by region: after a failure some may have been deleted. */
  async deleteRange(range: Partial<Range>, options?: CallOptions): Promise<void> {
    const { cf } = this.#options;
    await this.#byRegion("deleteRange", options, range, async (call, region, { start, end }) => {
      const fields = { startKey: start, endKey: end, cf };
      return this.#took(call, await this.#sender.send(call, region, method.rawDeleteRange, fields, "repeatable"));
    });
  }

  /**
   * Gives the pairs of a range in pages, in the order of their keys. `timeoutMs` bounds each page. Pages are read when
   * they are asked for, so writes meanwhile may be seen or not.
   */
  async *scan({
    start,
    end,
    limit = Number.POSITIVE_INFINITY,
    pageSize = DEFAULT_PAGE,
    keysOnly = false,
    reverse = false,
    ...options
  }: ScanOptions = {}): AsyncGenerator<readonly Pair[], void, undefined> {
    if (limit !== Number.POSITIVE_INFINITY && (!Number.isInteger(limit) || limit < 0)) {
      throw invalid("limit", "a whole number of at least 0");
    }
    if (!Number.isInteger(pageSize) || pageSize < 1 || pageSize > MAX_PAGE) {
      throw invalid("pageSize", `a whole number from 1 to ${MAX_PAGE}`);
    }
    const range = this.#space.rangeToTikv(checkedRange({ ...(start && { start }), ...(end && { end }) }));
    const plan = { range, limit, pageSize, keysOnly, reverse, cf: this.#options.cf };
    for await (const page of scan(this.#sender, () => this.#start("scan", options), plan)) {
      yield page.map(({ key, value }) => ({ key: this.#space.fromTikv(key).slice(), value: value.slice() }));
    }
  }

  /** Gives the seconds that a key has left, infinity where it has no end; undefined where it is absent. */
  async ttl(key: Uint8Array, options?: CallOptions): Promise<number | undefined> {
    const answer = await this.#one("ttl", options, key, method.rawGetKeyTTL, { cf: this.#options.cf }, "none");
    if (answer.error !== "") throw refused("ttl", answer.error);
    if (answer.notFound) return undefined;
    return answer.ttl === 0n ? Number.POSITIVE_INFINITY : Number(answer.ttl);
  }

  /**
   * Puts a value if the key holds what is expected. Throws with the outcome `unknown` where the answer was lost: read
   * the key to learn what happened. Needs `atomic`.
   */
  async compareAndSwap(key: Uint8Array, { previous, value, ttlSeconds, ...options }: Swap): Promise<Swapped> {
    if (!this.#options.forCas)
      throw invalid("atomic", "true, so that other writes of this client can't be lost to the swap");
    if (previous !== undefined) checkValue("previous", previous);
    checkValue("value", value);
    const fields = {
      value,
      ttl: this.#ttl("ttlSeconds", ttlSeconds),
      cf: this.#options.cf,
      previousNotExist: previous === undefined,
      previousValue: previous ?? new Uint8Array(0),
    };
    const answer = await this.#one("compareAndSwap", options, key, method.rawCompareAndSwap, fields, "once");
    if (answer.error !== "") throw refused("compareAndSwap", answer.error);
    return { swapped: answer.succeed, previous: answer.previousNotExist ? undefined : answer.previousValue.slice() };
  }

  /** Gives a sum over all pairs of a range, of the default column family. Two ranges with the same pairs have the same. */
  async checksum(range: Partial<Range> = {}, options?: CallOptions): Promise<Checksum> {
    let [crc64Xor, pairs, bytes] = [0n, 0n, 0n];
    await this.#byRegion("checksum", options, range, async (call, region, { start, end }) => {
      const ranges = [{ startKey: start, endKey: end }];
      const fields = { algorithm: ChecksumAlgorithm.Crc64_Xor, ranges };
      const answer = await this.#sender.send(call, region, method.rawChecksum, fields, "none");
      if (answer === undefined) return false;
      if (answer.error !== "") throw refused(call.name, answer.error);
      crc64Xor ^= answer.checksum;
      pairs += answer.totalKvs;
      bytes += answer.totalBytes;
      return true;
    });
    return { crc64Xor, pairs, bytes };
  }

  /** Sends a command of one key until a region took it. */
  async #one<Request extends DescMessage, Response extends DescMessage>(
    name: string,
    options: CallOptions | undefined,
    key: Uint8Array,
    command: DescMethodUnary<Request, Response>,
    fields: MessageInitShape<Request> & object,
    effect: Effect,
  ): Promise<MessageShape<Response>> {
    checkKey("key", key, this.#space.prefixBytes);
    const call = this.#start(name, options);
    const wire = this.#space.toTikv(key);
    const request: MessageInitShape<Request> = { ...fields, key: wire };
    for (;;) {
      const region = await this.#sender.cache.locate(call, wire);
      const answer = await this.#sender.send(call, region, command, request, effect);
      if (answer !== undefined) return answer;
    }
  }

  /** Visits the regions of a range one after another, each with its part of the range. */
  async #byRegion(
    name: string,
    options: CallOptions | undefined,
    range: Partial<Range>,
    visit: (call: Call, region: Region, part: Range) => Promise<boolean>,
  ): Promise<void> {
    const { start, end } = this.#space.rangeToTikv(checkedRange(range));
    const call = this.#start(name, options);
    for (let from = start; end.length === 0 || compareKeys(from, end) < 0;) {
      const region = await this.#sender.cache.locate(call, from);
      const to = compareEnds(region.end, end) < 0 ? region.end : end;
      if (!(await visit(call, region, { start: from, end: to }))) continue;
      if (to.length === 0) return;
      from = to;
    }
  }

  #took(call: Call, answer: { readonly error: string } | undefined): boolean {
    if (answer !== undefined && answer.error !== "") throw refused(call.name, answer.error);
    return answer !== undefined;
  }

  #keys(keys: readonly Uint8Array[]): readonly { readonly key: Uint8Array }[] {
    if (!Array.isArray(keys)) throw invalid("keys", "a list");
    return keys.map((key: Uint8Array, index) => {
      checkKey(`keys[${index}]`, key, this.#space.prefixBytes);
      return { key: this.#space.toTikv(key) };
    });
  }

  #ttl(name: string, seconds: number | undefined): bigint {
    if (seconds === undefined) return 0n;
    checkTtl(name, seconds);
    if (!this.#options.ttl) throw invalid(name, "none, since API V1 has no ttl; set apiVersion as the cluster is");
    return BigInt(seconds);
  }
}

function text(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString("latin1");
}
