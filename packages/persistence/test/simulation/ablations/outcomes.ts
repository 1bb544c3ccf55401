import { type Ablation, BACKEND, GUARDED_SWEEP, MEMBERSHIP, NODE_SWEEP, RECORDS, SWEEP, edit } from "./ablation.ts";

/** Unknown outcomes, deletes and versions: rules 5 and 6. */
export const OUTCOMES: readonly Ablation[] = [
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
  },
  {
    rule: 6,
    name: "tombstones are deleted where stale deletes are let through",
    edits: [edit(SWEEP, "if (!records.capabilities.conditionalDelete) return 0;", "")],
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
  },
  {
    rule: 6,
    name: "ended nodes are deleted where stale deletes are let through",
    edits: [edit(NODE_SWEEP, "        records.capabilities.conditionalDelete &&\n", "")],
    schedule: "a sweep's delete of an ended node lands after the id was joined again",
  },
  {
    rule: 6,
    name: "guarded tombstones are deleted where stale deletes are let through",
    edits: [edit(GUARDED_SWEEP, "if (!records.capabilities.conditionalDelete) return {", "if (false) return {")],
    schedule: "a sweep's delete of a tombstone lands after the record was written anew",
  },
  {
    rule: 6,
    name: "a sweep deletes a tombstone without its version",
    edits: [
      edit(
        SWEEP,
        "records.delete(record.key, priorOf(record), options)",
        'records.delete(record.key, "always", options)',
      ),
    ],
  },
];
