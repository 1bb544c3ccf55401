import { type Ablation, BELIEF, DIRECTORY, EXPIRY, LEASE, edit } from "./ablation.ts";

/** Rule 7. */
export const CLOCKS: readonly Ablation[] = [
  {
    rule: 7,
    name: "a holder believes for the whole ttl",
    edits: [edit(BELIEF, "return (ttlMs * (1 - drift)) / (1 + drift);", "return ttlMs + 0 * drift;")],
  },
  {
    rule: 7,
    name: "an observer counts from before it asked",
    edits: [
      edit(
        EXPIRY,
        "this.#observed.set(record.key, { version: record.version, since: now });",
        "this.#observed.set(record.key, { version: record.version, since: now - 120 });",
      ),
    ],
  },
  {
    rule: 7,
    name: "a fresh observer does not wait",
    edits: [edit(EXPIRY, "    return ttlMs;\n", "    return 0;\n")],
  },
  {
    rule: 7,
    name: "the granularity of ages is ignored",
    edits: [
      edit(EXPIRY, "return ttlMs + this.#slackMs - record.ageMs;", "return ttlMs + 0 * this.#slackMs - record.ageMs;"),
    ],
  },
  {
    rule: 7,
    name: "the wall clock is not watched over a suspend",
    edits: [edit(BELIEF, "&& this.#clock.wall() < this.#wallDeadline", "")],
  },
  {
    rule: 7,
    name: "lease records with an own ttl expire natively",
    edits: [
      edit(
        DIRECTORY,
        "this.records.bound<CallOptions>({ signal: options.signal, deadline: options.deadline });",
        "this.records.bound<CallOptions>(options);",
      ),
    ],
  },
  {
    rule: 7,
    name: "a lease with an own ttl is believed in as long as its node",
    edits: [
      edit(LEASE, "if (lease.ttlMs !== undefined && Number.isFinite", "if (lease.ttlMs === 0 && Number.isFinite"),
    ],
  },
];
