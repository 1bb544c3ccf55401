import { type Put, StoreError, type Version } from "@orbit/persistence";

import { describeError, equal, LawBroken, must } from "../assert.ts";
import { type Law, storeLaw } from "../law.ts";
import { begin, Gate } from "../traits/gate.ts";
import { holds, won } from "../traits/outcomes.ts";

/** Long enough for what is sent again, and short enough for what is given up. */
const PATIENCE_MS = 5_000;

/** A lost answer tells nothing: what was applied is never reported as lost, and what may yet land never as not applied. */
export const lostAnswers: readonly Law[] = [
  storeLaw("lost answer: an update that was applied is reported as applied", async (bench) => {
    const gate = new Gate();
    const store = await bench.store({}, { around: gate.around });
    const first = won(await store.put("a", bench.value("one"), "absent"), "a create of an absent key");
    const held = gate.hold({ operation: "put", kind: "data" });
    const writing = begin(store.put("a", bench.value("two"), { version: first }, patient()));
    await held.arrived;
    await held.land();
    held.lose();
    const version = won(await writing, "an update whose answer was lost");
    await holds(bench, store, "a", "two", version, "after a lost answer");
  }),

  storeLaw(
    "lost answer: applied, then overwritten by another, is reported as applied and not as a conflict",
    async (bench) => {
      const gate = new Gate();
      const [store, other] = [await bench.store({}, { around: gate.around }), await bench.store()];
      const first = won(await store.put("a", bench.value("one"), "absent"), "a create of an absent key");
      const held = gate.hold({ operation: "put", kind: "data" });
      const writing = begin(store.put("a", bench.value("two"), { version: first }, patient()));
      await held.arrived;
      await held.land();
      const seen = await other.get("a");
      must(seen !== undefined, "the update was applied", "an entry", seen);
      const third = won(await other.put("a", bench.value("three"), { version: seen.version }), "an update by another");
      held.lose();
      const version = won(await writing, "an update that was applied and then replaced");
      const late = await store.put("a", bench.value("four"), { version });
      must(!late.ok, "the version of what was replaced is stale", "a conflict", late);
      await holds(bench, other, "a", "three", third, "after a lost answer");
    },
  ),

  storeLaw(
    "lost answer: applied, then overwritten twice, stays unknown and is not reported as a conflict",
    async (bench) => {
      const gate = new Gate();
      const [store, other] = [await bench.store({}, { around: gate.around }), await bench.store()];
      const first = won(await store.put("a", bench.value("one"), "absent"), "a create of an absent key");
      const held = gate.hold({ operation: "put", kind: "data" });
      const writing = begin(store.put("a", bench.value("two"), { version: first }, patient()));
      await held.arrived;
      await held.land();
      const seen = await other.get("a");
      let last = seen?.version ?? first;
      for (const text of ["three", "four"])
        last = won(await other.put("a", bench.value(text), { version: last }), "an update");
      held.lose();
      await unknown(writing, "an update of which nothing is left to see");
      await holds(bench, other, "a", "four", last, "after a lost answer");
    },
  ),

  storeLaw("lost answer: an update that is still under way is sent again, and lands once", async (bench) => {
    const gate = new Gate();
    const [store, other] = [await bench.store({}, { around: gate.around }), await bench.store()];
    const first = won(await store.put("a", bench.value("one"), "absent"), "a create of an absent key");
    const held = gate.hold({ operation: "put", kind: "data" });
    const writing = begin(store.put("a", bench.value("two"), { version: first }, patient()));
    await held.arrived;
    held.lose();
    const version = won(await writing, "an update that was sent again");
    const next = won(await other.put("a", bench.value("three"), { version }), "an update by another");
    // The first sending arrives at last: its condition no longer holds.
    await held.land();
    await holds(bench, other, "a", "three", next, "after the first sending landed");
  }),

  storeLaw("lost answer: a create that is still under way is not reported as not applied", async (bench) => {
    const gate = new Gate();
    const [store, other] = [await bench.store({}, { around: gate.around }), await bench.store()];
    const held = gate.hold({ operation: "put", kind: "data" });
    const writing = begin(store.put("a", bench.value("one"), "absent", patient()));
    await held.arrived;
    held.lose();
    // Where nothing is ever really deleted, a create can be sent again.
    if (store.capabilities.conditionalDelete) await unknown(writing, "a create of which nothing is seen yet");
    else won(await writing, "a create that was sent again");
    await held.land();
    equal(bench.text(await other.get("a")), "one", "a create may land after its answer was lost");
  }),

  storeLaw("lost answer: a create that was applied is reported as applied", async (bench) => {
    const gate = new Gate();
    const store = await bench.store({}, { around: gate.around });
    const held = gate.hold({ operation: "put", kind: "data" });
    const writing = begin(store.put("a", bench.value("one"), "absent", patient()));
    await held.arrived;
    await held.land();
    held.lose();
    const version = won(await writing, "a create whose answer was lost");
    await holds(bench, store, "a", "one", version, "after a lost answer");
  }),

  storeLaw("lost answer: an unconditional write is not sent again", async (bench) => {
    const gate = new Gate();
    const [store, other] = [await bench.store({}, { around: gate.around }), await bench.store()];
    const held = gate.hold({ operation: "put", kind: "data" });
    const writing = begin(store.put("a", bench.value("one"), "always", patient()));
    await held.arrived;
    held.lose();
    await unknown(writing, "an unconditional write");
    equal(await other.get("a"), undefined, "nothing was sent a second time");
  }),

  storeLaw("lost answer: a delete that was applied is never reported as a conflict", async (bench) => {
    const gate = new Gate();
    const [store, other] = [await bench.store({}, { around: gate.around }), await bench.store()];
    const version = won(await store.put("a", bench.value("one"), "absent"), "a create of an absent key");
    const operation = store.capabilities.conditionalDelete ? "delete" : "put";
    const held = gate.hold({ operation, kind: "data" });
    const deleting = begin(store.delete("a", { version }, patient()));
    await held.arrived;
    await held.land();
    held.lose();
    const answer = await deleting.catch((error: unknown) => error);
    const honest = StoreError.is(answer) ? answer.outcome === "unknown" : (answer as Put).ok;
    must(honest, "a delete that was applied succeeds or is unknown", "ok or an unknown outcome", answer);
    equal(await other.get("a"), undefined, "the entry is gone");
  }),

  storeLaw("a duplicated write lands once", async (bench) => {
    const gate = new Gate();
    const [store, other] = [await bench.store({}, { around: gate.around }), await bench.store()];
    const first = won(await store.put("a", bench.value("one"), "absent"), "a create of an absent key");
    const held = gate.hold({ operation: "put", kind: "data" });
    const writing = begin(store.put("a", bench.value("two"), { version: first }));
    await held.arrived;
    await held.pass();
    const second = won(await writing, "an update under the current version");
    const third = won(await other.put("a", bench.value("three"), { version: second }), "an update by another");
    await held.land();
    await holds(bench, other, "a", "three", third, "after the duplicate landed");
  }),
];

function patient(): { readonly deadline: number } {
  return { deadline: performance.now() + PATIENCE_MS };
}

async function unknown(
  writing: Promise<{ readonly ok: boolean; readonly version?: Version }>,
  what: string,
): Promise<void> {
  const law = `${what} has an unknown outcome`;
  let answer: Awaited<typeof writing>;
  try {
    answer = await writing;
  } catch (error) {
    if (StoreError.is(error) && error.outcome === "unknown" && !error.retryable) return;
    throw new LawBroken(law, "an error with the outcome unknown, not retryable", describeError(error), error);
  }
  must(false, law, "an error with the outcome unknown", answer);
}
