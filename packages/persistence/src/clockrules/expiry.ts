import type { Capabilities } from "../contract/capabilities.ts";
import type { Version } from "../contract/entry.ts";
import type { Clock } from "../runtime/clock.ts";
import type { StoredRecord } from "../store/records.ts";

const MAX_OBSERVED = 1 << 20;

interface Observation {
  readonly version: Version;
  readonly since: number;
}

/**
 * Judges whether the ttl of a live-looking record has passed, by the store's clock rule and never by comparing wall
 * clocks. Where the store tells ages, by the age in one answer; otherwise by having seen the same version for a whole
 * ttl on this process's monotonic clock, counted from when the first answer arrived.
 */
export class ExpiryJudge {
  readonly #clock: Clock;
  readonly #slackMs: number;
  readonly #observed = new Map<string, Observation>();

  constructor(capabilities: Capabilities, clock: Clock) {
    this.#clock = clock;
    const { ttlGranularityMs, clockSkewMs } = capabilities.limits;
    this.#slackMs = ttlGranularityMs + clockSkewMs;
  }

  /** Milliseconds until the record counts as expired, as far as is known; 0 or less when it has. */
  remainingMs(record: StoredRecord, ttlMs: number): number {
    if (record.ageMs !== undefined) return ttlMs + this.#slackMs - record.ageMs;
    const now = this.#clock.now();
    const seen = this.#observed.get(record.key);
    if (seen !== undefined && seen.version === record.version) return ttlMs - (now - seen.since);
    // Starting anew is always safe: it only makes this observer wait longer.
    if (this.#observed.size >= MAX_OBSERVED) this.#observed.clear();
    this.#observed.set(record.key, { version: record.version, since: now });
    return ttlMs;
  }

  /** Drops what was observed of a key: its record is gone or ended. */
  forget(key: string): void {
    this.#observed.delete(key);
  }
}
