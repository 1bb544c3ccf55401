import { apply, type Operation, type State } from "./operation.ts";

/**
 * Tells whether a history of one key is linearizable: whether there is an order of its operations that keeps the order
 * in time and in which each answer is right (the search of Wing and Gong, with Lowe's memory of visited states).
 * Operations without a certain answer may take effect at any time after their call, or never.
 */
export function isLinearizable(history: readonly Operation[]): boolean {
  const ops = [...history].sort((a, b) => a.called - b.called);
  const known = ops.filter((op) => op.answered !== Infinity).length;
  const visited = new Set<string>();
  const done = new Uint8Array(ops.length);

  const search = (state: State, answered: number): boolean => {
    if (answered === known) return true;
    const place = `${state ?? ""}|${done.join("")}`;
    if (visited.has(place)) return false;
    visited.add(place);
    // Nothing that was called after another one's answer can come before it.
    let bound = Infinity;
    ops.forEach((op, index) => {
      if (done[index] === 0) bound = Math.min(bound, op.answered);
    });
    for (const [index, op] of ops.entries()) {
      if (op.called > bound) break;
      if (done[index] === 1) continue;
      const effect = apply(op, state);
      if (effect === "impossible") continue;
      done[index] = 1;
      if (search(effect.next, answered + (op.answered === Infinity ? 0 : 1))) return true;
      done[index] = 0;
    }
    return false;
  };
  return search(undefined, 0);
}
