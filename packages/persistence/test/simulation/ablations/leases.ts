import { type Ablation, BELIEF, DIRECTORY, GRANTS, LEASE, LIFE, MEMBERSHIP, SESSION, SWEEP, edit } from "./ablation.ts";

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

/** Takeover, endings, joining and ghosts: rules 2, 8, 9 and 10. */
export const LEASES: readonly Ablation[] = [
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
  },
  {
    rule: 2,
    name: "a node whose time has passed is not marked before the takeover",
    edits: [
      edit(
        MEMBERSHIP,
        'if (await this.#end(lease, current, bounded)) {\n        this.#publish("expired"',
        '{\n        this.#publish("expired"',
      ),
    ],
    schedule: "a renewal lands after its node was judged dead and its addressable taken over",
  },
  {
    rule: 2,
    name: "takeover without the lease record's version",
    edits: [
      edit(
        GRANTS,
        'records.put(key, record, prior ?? "absent", {',
        'records.put(key, record, prior === undefined ? "absent" : "always", {',
      ),
      edit(
        GRANTS,
        'when: current === undefined ? "absent" : priorOf(current) }],',
        'when: current === undefined ? "absent" : "always" }],',
      ),
    ],
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
  },
  {
    rule: 2,
    name: "another epoch of the node counts as the same life",
    edits: [
      edit(LIFE, 'return node.epoch === epoch && node.status !== "stopped";', 'return node.status !== "stopped";'),
    ],
  },
  {
    rule: 8,
    name: "the belief ends after the release",
    edits: [
      edit(
        LEASE,
        "      this.stopBelieving();\n      // A lease",
        "      return this.requests.release(this, options).finally(() => this.stopBelieving());\n      // A lease",
      ),
    ],
  },
  {
    rule: 8,
    name: "a session renews past its own deadline",
    edits: RENEWS_LATE,
  },
  {
    rule: 9,
    name: "joining does not wait for a live record of the same id",
    edits: [edit(MEMBERSHIP, 'if (record.status === "stopped" || own.has(record.epoch)) return 0;', "return 0;")],
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
  },
  {
    rule: 10,
    name: "acquiring again keeps the fence of one's own grant",
    edits: [
      edit(
        DIRECTORY,
        "{ key, record: { body, grant, key: original }, checkHolder }",
        "{ key, kept: held?.epoch === holder.epoch ? current?.envelope.fence : undefined, record: { body, grant, key: original }, checkHolder }",
      ),
      edit(GRANTS, "    let fence = await nextFence(", "    let fence = grant.kept ?? await nextFence("),
      edit(GRANTS, "    const fence = await nextFence(", "    const fence = grant.kept ?? await nextFence("),
    ],
  },
  {
    rule: 2,
    name: "the nodes are read before the lease record",
    edits: [
      edit(
        DIRECTORY,
        "      const current = seen === undefined ?",
        "      const nodes = await this.membership.nodes(bounded);\n      const current = seen === undefined ?",
      ),
      edit(
        DIRECTORY,
        "if (current !== undefined && held !== undefined && !(await this.#canTake(current, held, holder, bounded))) {",
        "if (current !== undefined && held !== undefined && nodes.some(({ epoch }) => epoch === held.epoch) && !(await this.#canTake(current, held, holder, bounded))) {",
      ),
    ],
  },
  {
    rule: 8,
    name: "a renewal goes without a version",
    edits: [
      edit(
        MEMBERSHIP,
        "this.#write(lease.id, record, known.prior, bounded)",
        'this.#write(lease.id, record, "always", bounded)',
      ),
    ],
  },
  {
    rule: 8,
    name: "a release by the directory leaves the belief on",
    edits: [
      edit(
        DIRECTORY,
        "if (grant instanceof HeldLease && grant.requests === this.#requests) grant.stopBelieving();",
        "",
      ),
    ],
  },
  {
    rule: 8,
    name: "the belief goes on while the session leaves",
    edits: [
      edit(
        MEMBERSHIP,
        "if (lease instanceof StoreNodeSession && this.#sessions.has(lease)) lease.stopBelieving();",
        "",
      ),
    ],
  },
  {
    rule: 11,
    name: "a sweep frees without asking whether the node lives",
    edits: [edit(SWEEP, "    if (!isDead) return false;\n", "")],
  },
  {
    rule: 11,
    name: "a sweep frees without the lease record's version",
    edits: [edit(SWEEP, "tombstone, priorOf(record), options)).ok;", 'tombstone, "always", options)).ok;')],
  },
];
