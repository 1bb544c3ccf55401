import { compareEnds } from "../codec/compare.ts";
import type { Range } from "../codec/key-space.ts";
import { TikvError } from "../errors.ts";

/** TiKV's `storage.max-key-size` unless it is configured otherwise. */
const MAX_KEY_BYTES = 8_192;
/** TiKV's `raftstore.raft-entry-max-size` unless it is configured otherwise: no write can be larger. */
const MAX_VALUE_BYTES = 8_388_608;
const MAX_TTL_SECONDS = 2 ** 53 - 1;

export function checkKey(name: string, key: unknown, prefixBytes: number): void {
  if (!(key instanceof Uint8Array)) throw invalid(name, "bytes as a Uint8Array");
  if (key.length === 0) throw invalid(name, "a key that is not empty");
  if (key.length + prefixBytes > MAX_KEY_BYTES) {
    const most = MAX_KEY_BYTES - prefixBytes;
    throw new TikvError("TOO_LARGE", `${name}: a key of ${key.length} bytes, where TiKV takes ${most}`);
  }
}

export function checkValue(name: string, value: unknown): void {
  if (!(value instanceof Uint8Array)) throw invalid(name, "bytes as a Uint8Array");
  if (value.length >= MAX_VALUE_BYTES) {
    throw new TikvError(
      "TOO_LARGE",
      `${name}: a value of ${value.length} bytes, where TiKV takes less than ${MAX_VALUE_BYTES}`,
    );
  }
}

/** Checks a range and fills in its open ends. */
export function checkedRange({ start, end }: Partial<Range>): Range {
  for (const [name, bound] of Object.entries({ start, end })) {
    if (bound !== undefined && !(bound instanceof Uint8Array)) throw invalid(name, "bytes as a Uint8Array");
  }
  const range = { start: start ?? new Uint8Array(0), end: end ?? new Uint8Array(0) };
  if (compareEnds(range.end, range.start) < 0 && range.start.length > 0)
    throw invalid("end", "an end at or above the start");
  return range;
}

export function checkTtl(name: string, seconds: unknown): void {
  if (!Number.isInteger(seconds) || Number(seconds) < 1 || Number(seconds) > MAX_TTL_SECONDS) {
    throw invalid(name, "whole seconds of at least 1");
  }
}

export function invalid(name: string, expected: string): TikvError {
  return new TikvError("INVALID_ARGUMENT", `${name}: expected ${expected}`);
}
