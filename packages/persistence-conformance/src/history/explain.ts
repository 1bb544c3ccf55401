import { isLinearizable } from "./linearizable.ts";
import { describe, mentions, type Operation } from "./operation.ts";

/** A history of several keys, each of which starts absent. */
export type History = ReadonlyMap<string, readonly Operation[]>;

/** Prints the smallest part found of a history that no order explains; `undefined` where the history is linearizable. */
export function explain(history: History): string | undefined {
  for (const [key, operations] of history) {
    if (isLinearizable(operations)) continue;
    const lines = shrink(operations).map((operation) => `    ${describe(operation)}`);
    return `no such order for the key ${JSON.stringify(key)}:\n${lines.join("\n")}`;
  }
  return undefined;
}

/** Leaves out operations while the rest stays unexplained. */
export function shrink(history: readonly Operation[]): readonly Operation[] {
  let kept = earliest(history);
  for (let size = Infinity; size > kept.length;) {
    size = kept.length;
    for (const operation of kept) {
      const fewer = kept.filter((each) => each !== operation);
      if (!isNamed(operation, fewer) && !isLinearizable(fewer)) kept = fewer;
    }
  }
  return kept;
}

/** The shortest beginning that is already unexplained; what was still under way counts as unanswered. */
function earliest(history: readonly Operation[]): readonly Operation[] {
  const ends = history.map((operation) => operation.answered).filter((end) => end !== Infinity);
  for (const end of ends.sort((a, b) => a - b)) {
    const begun = history.filter((operation) => operation.called < end).map((operation) => openAfter(operation, end));
    const sound = begun.filter((operation) => operation !== undefined);
    if (!isLinearizable(sound)) return sound;
  }
  return history;
}

function openAfter(operation: Operation, end: number): Operation | undefined {
  const { act } = operation;
  if (operation.answered <= end) return operation;
  // A read that has not been answered says nothing.
  return act.type === "get" ? undefined : { ...operation, answered: Infinity, act: { ...act, answer: "unknown" } };
}

/** Whether the rest speaks of what this operation wrote: without it the rest would be nonsense. */
function isNamed({ act }: Operation, rest: readonly Operation[]): boolean {
  if (act.type !== "put") return act.type === "delete" && act.answer !== "unknown" && act.answer.ok;
  return rest.some((other) => mentions(other).includes(act.leaves));
}
