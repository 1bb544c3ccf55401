import type { Entry, Put, Version } from "@orbit/persistence";

import { equal, must } from "../assert.ts";
import type { Bench, Keyed } from "../bench.ts";

/** The version of a write that must win. */
export function won(answer: Put, what: string): Version {
  must(answer.ok, `${what} wins`, "ok", answer);
  must(
    typeof answer.version === "string" && answer.version !== "",
    `${what} returns a version`,
    "a text",
    answer.version,
  );
  return answer.version;
}

/** A write must have lost against the entry that is there. */
export function lost(bench: Bench, answer: Put, key: string, text: string, version: Version, what: string): void {
  must(!answer.ok, `${what} loses`, "a conflict", answer);
  isWinner(bench, answer.current, key, text, version, what);
}

/** What a conflict carries must be the entry that is there. */
export function isWinner(
  bench: Bench,
  current: Entry | undefined,
  key: string,
  text: string,
  version: Version,
  what: string,
): void {
  const found = current && { key: current.key, text: bench.text(current), version: current.version };
  equal(found, { key, text, version }, `the conflict of ${what} carries the entry that won`);
}

/** The key must hold this text under this version. */
export async function holds(
  bench: Bench,
  kv: Keyed,
  key: string,
  text: string,
  version: Version | undefined,
  when: string,
): Promise<void> {
  const entry = await kv.get(key);
  const found = entry && { key: entry.key, text: bench.text(entry), version: entry.version };
  equal(found, { key, text, version }, `${when}, the key holds what was written last`);
}
