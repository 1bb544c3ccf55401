import { type Ablation, CLAIMED, COMMITTED, edit } from "./ablation.ts";

/** Guarded data: rules 3 and 4. */
export const GUARDED: readonly Ablation[] = [
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
  },
  {
    rule: 4,
    name: "a claim is not confirmed",
    edits: [edit(CLAIMED, "await this.#lease.confirm(options);", "void options;")],
    schedule: "a newer grant's claim is swept, and the older grant claims the record",
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
    schedule: "a claim that timed out lands after a takeover and a sweep",
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
  },
  {
    rule: 4,
    name: "a higher fence is not looked at",
    edits: [
      edit(CLAIMED, "      this.#checkFence(current);\n", ""),
      edit(CLAIMED, "await this.#lease.confirm(options);", "void options;"),
    ],
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
  },
];
