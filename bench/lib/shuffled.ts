/** Returns the items in an order that is the same each time and has nothing to do with how they lie in memory. */
export function shuffled<T>(items: readonly T[]): T[] {
  const mixed = [...items];
  let state = 0x9e3779b9;
  for (let at = mixed.length - 1; at > 0; at -= 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    const other = Math.floor((state / 2 ** 32) * (at + 1));
    [mixed[at], mixed[other]] = [mixed[other] as T, mixed[at] as T];
  }
  return mixed;
}
