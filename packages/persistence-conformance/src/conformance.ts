import { contract } from "./groups/a-contract.ts";
import { compareAndSet } from "./groups/b-compare-and-set.ts";
import { lists } from "./groups/g-lists.ts";
import { type GroupId, type Harness, type Spec } from "./harness.ts";
import type { Law } from "./law.ts";
import { Pass } from "./pass.ts";

const LAWS: readonly (readonly [GroupId, readonly Law[]])[] = [
  ["A", contract],
  ["B", compareAndSet],
  ["G", lists],
];

/** Lists every law for a driver, ready to run one by one, in any order or at once. Opens nothing yet. */
export function conformance(harness: Harness): readonly Spec[] {
  const passes = [new Pass(harness)];
  return passes.flatMap((pass) =>
    LAWS.flatMap(([group, laws]) => laws.flatMap((law) => law.levels.map((level) => pass.spec(group, law, level)))),
  );
}
