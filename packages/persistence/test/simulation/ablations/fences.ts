import { type Ablation, DIRECTORY, GRANTS, SWEEP, edit } from "./ablation.ts";

/** Rule 1. */
export const FENCES: readonly Ablation[] = [
  {
    rule: 1,
    name: "a fence is not above the one before it",
    edits: [edit(GRANTS, 'if (capabilities.fencing === "total") return least + 1n;', "return least;")],
  },
  {
    rule: 1,
    name: "no floor",
    edits: [
      edit(GRANTS, "above(current, await this.#floors.read(shard, options))", "above(current, 0n)"),
      edit(GRANTS, "if (floor >= fence) {", "if (floor < 0n) {"),
      edit(GRANTS, "above(current, floor.fence)", "above(current, 0n)"),
    ],
  },
  {
    rule: 1,
    name: "the floor is read before the record",
    edits: [
      edit(
        DIRECTORY,
        "      const current = seen === undefined ?",
        "      const early = await this.floors.read(this.floors.shardOf(key), bounded);\n      const current = seen === undefined ?",
      ),
      edit(
        DIRECTORY,
        "{ key, record: { body, grant, key: original }, checkHolder }",
        "{ key, early, record: { body, grant, key: original }, checkHolder }",
      ),
      edit(GRANTS, "above(current, await this.#floors.read(shard, options))", "above(current, grant.early)"),
      edit(GRANTS, "if (floor >= fence) {", "if (floor < 0n) {"),
    ],
  },
  {
    rule: 1,
    name: "the floor is not read again after a create",
    edits: [edit(GRANTS, "if (floor >= fence) {", "if (floor < 0n) {")],
    schedule: "a create lands after its key was granted, freed and swept",
  },
  {
    rule: 1,
    name: "a commit does not check the floor that was presumed",
    edits: [edit(GRANTS, "[{ key: floor.key, when: floor.when }],", "[],")],
  },
  {
    rule: 1,
    name: "a commit does not check the floor that was read for it",
    edits: [
      edit(
        GRANTS,
        "    const floor = this.#floors.presumed(shard);",
        "    this.#floors.learn(shard, await this.#records.get(this.#floors.presumed(shard).key, options));\n" +
          "    const floor = this.#floors.presumed(shard);",
      ),
      edit(GRANTS, "[{ key: floor.key, when: floor.when }],", "[],"),
    ],
    schedule: "a create lands after its key was granted, freed and swept",
  },
  {
    rule: 1,
    name: "a sweep does not raise the floor",
    edits: [edit(SWEEP, "for (const [shard, fence] of highest) await floors.raise(shard, fence, options);", "")],
  },
];
