/** One rule of docs/lease-protocol.md switched off, as an edit of the source; the simulation must find the break. */
export interface Ablation {
  readonly rule: number;
  readonly name: string;
  /** Each `find` stands exactly once in its file, relative to the package. */
  readonly edits: readonly { readonly file: string; readonly find: string; readonly replace: string }[];
  /** A seed that finds it, from `pnpm soak ablations`. */
  readonly seed: number;
}

const DIRECTORY = "src/directory/directory.ts";
const LEASE = "src/directory/lease.ts";
const SWEEP = "src/directory/sweep.ts";
const MEMBERSHIP = "src/membership/membership.ts";
const LIFE = "src/membership/life.ts";
const SESSION = "src/membership/session.ts";
const BELIEF = "src/clockrules/belief.ts";
const EXPIRY = "src/clockrules/expiry.ts";
const CLAIMED = "src/guarded/claimed.ts";
const COMMITTED = "src/guarded/committed.ts";
const RECORDS = "src/store/records.ts";
const BACKEND = "test/simulation/backend.ts";

function edit(file: string, find: string, replace: string): Ablation["edits"][number] {
  return { file, find, replace };
}

const RENEWS_LATE: Ablation["edits"] = [
  edit(
    BELIEF,
    "if (!this.holds() || sent.at + beliefMs <= this.#deadline) return;",
    "if (sent.at + beliefMs <= this.#deadline) return;\n    this.#ended = false;",
  ),
  edit(
    SESSION,
    "  async update(change: NodeChange, options?: CallOptions): Promise<void> {\n    this.#checkLive();",
    "  async update(change: NodeChange, options?: CallOptions): Promise<void> {",
  ),
  edit(SESSION, "    if (!this.#belief.holds()) return;\n    try {", "    try {"),
  edit(
    MEMBERSHIP,
    "return known !== undefined && this.records.clock.now() - known.sent.at < known.record.ttlMs ? known : undefined;",
    "return known;",
  ),
];

export const ABLATIONS: readonly Ablation[] = [
  {
    rule: 1,
    name: "a fence is not above the one before it",
    edits: [edit(DIRECTORY, "return above + 1n;", "return above;")],
    seed: 0,
  },
  {
    rule: 1,
    name: "no floor",
    edits: [
      edit(DIRECTORY, "await this.floors.read(shard, bounded));", "0n);"),
      edit(DIRECTORY, "if (floor >= fence) {", "if (floor < 0n) {"),
    ],
    seed: 0,
  },
  {
    rule: 1,
    name: "the floor is read before the record",
    edits: [
      edit(
        DIRECTORY,
        "      const current = await this.records.get(key, bounded);\n      const held = current",
        "      const early = await this.floors.read(shard, bounded);\n" +
          "      const current = await this.records.get(key, bounded);\n      const held = current",
      ),
      edit(DIRECTORY, "await this.floors.read(shard, bounded));", "early);"),
      edit(DIRECTORY, "if (floor >= fence) {", "if (floor < 0n) {"),
    ],
    seed: 0,
  },
  {
    rule: 1,
    name: "the floor is not read again after a create",
    edits: [edit(DIRECTORY, "if (floor >= fence) {", "if (floor < 0n) {")],
    seed: 0,
  },
  {
    rule: 1,
    name: "a sweep does not raise the floor",
    edits: [edit(SWEEP, "for (const [shard, fence] of highest) await floors.raise(shard, fence, options);", "")],
    seed: 0,
  },
  {
    rule: 2,
    name: "takeover by what was read a while ago",
    edits: [
      edit(
        MEMBERSHIP,
        "      const current = await this.#read(lease.id, bounded);\n      if (!isLife(current, lease.epoch)) return true;",
        "      const lagging = ((globalThis as never as { lag: Map<string, { at: number; record: StoredRecord | undefined }> }).lag ??= new Map());\n" +
          "      const now = this.records.clock.now();\n" +
          "      const seen = lagging.get(lease.id);\n" +
          "      const current = seen !== undefined && Math.abs(now - seen.at) < 150 ? seen.record : await this.#read(lease.id, bounded);\n" +
          "      if (current !== seen?.record) lagging.set(lease.id, { at: now, record: current });\n" +
          "      if (!isLife(current, lease.epoch)) return true;",
      ),
    ],
    seed: 0,
  },
  {
    rule: 2,
    name: "a node whose time has passed is not marked before the takeover, and renews late",
    edits: [
      edit(
        MEMBERSHIP,
        'if (await this.#end(lease, current, bounded)) {\n        this.#publish("expired"',
        '{\n        this.#publish("expired"',
      ),
      ...RENEWS_LATE,
    ],
    seed: 0,
  },
  {
    rule: 2,
    name: "takeover without the lease record's version",
    edits: [
      edit(
        DIRECTORY,
        'const when = prior === undefined ? "absent" : "envelope" in prior ? priorOf(prior) : prior;',
        'const when = prior === undefined ? "absent" : ("always" as const);',
      ),
    ],
    seed: 0,
  },
  {
    rule: 2,
    name: "an absent node counts as alive",
    edits: [
      edit(
        MEMBERSHIP,
        "if (!isLife(current, lease.epoch)) return true;\n      if (this.judge",
        "if (current === undefined) return false;\n      if (!isLife(current, lease.epoch)) return true;\n      if (this.judge",
      ),
    ],
    seed: 0,
  },
  {
    rule: 2,
    name: "another epoch of the node counts as the same life",
    edits: [
      edit(LIFE, 'return node.epoch === epoch && node.status !== "stopped";', 'return node.status !== "stopped";'),
    ],
    seed: 0,
  },
  {
    rule: 3,
    name: "a commit does not check the lease",
    edits: [
      edit(
        COMMITTED,
        "const checks = [{ key: lease.key, when: lease.prior }];",
        "const checks: { key: string; when: typeof lease.prior }[] = [];",
      ),
    ],
    seed: 0,
  },
  {
    rule: 3,
    name: "any version of the lease record is adopted",
    edits: [
      edit(
        COMMITTED,
        "} else if (current === undefined || heldBy(current) === undefined || current.envelope.grantText !== lease.grant) {",
        "} else if (current === undefined) {",
      ),
    ],
    seed: 0,
  },
  {
    rule: 4,
    name: "a claim is not confirmed",
    edits: [edit(CLAIMED, "await this.#lease.confirm(options);", "void options;")],
    seed: 0,
  },
  {
    rule: 4,
    name: "a version that carries the grant already is not confirmed",
    edits: [
      edit(
        CLAIMED,
        "if (this.#known.get(key.key)?.version !== prior.version) await",
        "if ((current === undefined || !this.#isMine(current)) && this.#known.get(key.key)?.version !== prior.version) await",
      ),
    ],
    seed: 0,
  },
  {
    rule: 4,
    name: "an absent record is not claimed",
    edits: [
      edit(
        CLAIMED,
        "const { record } = await this.#claim(key, options);",
        "if ((await this.#records.get(key.key, options)) === undefined) return undefined;\n    const { record } = await this.#claim(key, options);",
      ),
      edit(
        CLAIMED,
        "      const prior = this.#known.get(key.key) ??",
        '      const bare = (await this.#records.get(key.key, options)) === undefined;\n      if (bare) {\n        if ((await this.#records.put(key.key, this.#record(key, body), "absent", options)).ok) return;\n        continue;\n      }\n      const prior = this.#known.get(key.key) ??',
      ),
    ],
    seed: 0,
  },
  {
    rule: 4,
    name: "a higher fence is not looked at",
    edits: [
      edit(CLAIMED, "      this.#checkFence(current);\n", ""),
      edit(CLAIMED, "await this.#lease.confirm(options);", "void options;"),
    ],
    seed: 0,
  },
  {
    rule: 4,
    name: "guarded writes go without a version",
    edits: [
      edit(
        CLAIMED,
        "this.#record(key, body), prior, options);\n      if (!written.ok) continue;",
        'this.#record(key, body), "always", options);\n      void prior;\n      if (!written.ok) continue;',
      ),
    ],
    seed: 0,
  },
  {
    rule: 5,
    name: "a conflict after an unknown outcome counts as not applied",
    edits: [
      edit(
        RECORDS,
        "        if (applied !== undefined) return applied;\n        if (unknown !== undefined) throw unknown;\n        return { ok: false, current };",
        "        return { ok: false, current };",
      ),
    ],
    seed: 0,
  },
  {
    rule: 5,
    name: "a write of unknown outcome counts as not applied",
    edits: [
      edit(
        RECORDS,
        "unknown = await this.pause(error, unknown, attempt, write.resend, bounded);",
        'if (StoreError.is(error) && error.outcome === "unknown") return { ok: false, current: await this.get("-", bounded) };\n        throw error;',
      ),
    ],
    seed: 0,
  },
  {
    rule: 5,
    name: "a holder's deadline counts from the answer",
    edits: [
      edit(
        MEMBERSHIP,
        "return { info: this.info(lease.id, record), sent };",
        "return { info: this.info(lease.id, record), sent: sentNow(clock) };",
      ),
      edit(
        MEMBERSHIP,
        "return { info: this.info(node.id, record), sent };",
        "return { info: this.info(node.id, record), sent: sentNow(clock) };",
      ),
    ],
    seed: 0,
  },
  {
    rule: 6,
    name: "tombstones are deleted where stale deletes are let through",
    edits: [edit(SWEEP, "if (!records.capabilities.conditionalDelete) return 0;", "")],
    seed: 0,
  },
  {
    rule: 7,
    name: "a holder believes for the whole ttl",
    edits: [edit(BELIEF, "return (ttlMs * (1 - drift)) / (1 + drift);", "return ttlMs + 0 * drift;")],
    seed: 0,
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
    seed: 0,
  },
  {
    rule: 7,
    name: "a fresh observer does not wait",
    edits: [edit(EXPIRY, "    return ttlMs;\n", "    return 0;\n")],
    seed: 0,
  },
  {
    rule: 7,
    name: "the granularity of ages is ignored",
    edits: [
      edit(EXPIRY, "return ttlMs + this.#slackMs - record.ageMs;", "return ttlMs + 0 * this.#slackMs - record.ageMs;"),
    ],
    seed: 0,
  },
  {
    rule: 7,
    name: "the wall clock is not watched over a suspend",
    edits: [edit(BELIEF, "&& this.#clock.wall() < this.#wallDeadline", "")],
    seed: 0,
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
    seed: 0,
  },
  {
    rule: 8,
    name: "the belief ends after the release",
    edits: [
      edit(
        LEASE,
        "      this.#finish();\n      // A lease",
        "      return this.requests.release(this, options).finally(() => this.#finish());\n      // A lease",
      ),
    ],
    seed: 0,
  },
  {
    rule: 8,
    name: "a session renews past its own deadline",
    edits: RENEWS_LATE,
    seed: 0,
  },
  {
    rule: 9,
    name: "joining does not wait for a live record of the same id",
    edits: [edit(MEMBERSHIP, 'if (record.status === "stopped" || own.has(record.epoch)) return 0;', "return 0;")],
    seed: 0,
  },
  {
    rule: 9,
    name: "an epoch is used again",
    edits: [
      edit(
        MEMBERSHIP,
        "describeNode(node, randomHex(random, 16));",
        'describeNode(node, Buffer.from(node.id.padEnd(16)).toString("hex"));',
      ),
    ],
    seed: 0,
  },
  {
    rule: 10,
    name: "acquiring again keeps the fence of one's own grant",
    edits: [
      edit(
        DIRECTORY,
        "let fence = await this.#fence(above, bounded);",
        "let fence = held?.epoch === holder.epoch && current?.envelope.fence !== undefined ? current.envelope.fence : await this.#fence(above, bounded);",
      ),
    ],
    seed: 0,
  },
  {
    rule: 0,
    name: "a version is used again after a delete",
    edits: [
      edit(
        BACKEND,
        "version = String(++this.#versions) as Version;",
        'version = String(Number(this.slots.get(op.key)?.version ?? "0") + 1 + 0 * ++this.#versions) as Version;',
      ),
    ],
    seed: 0,
  },
];
