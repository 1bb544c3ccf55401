import { contract } from "./groups/a-contract.ts";
import { compareAndSet } from "./groups/b-compare-and-set.ts";
import { leases } from "./groups/c-leases.ts";
import { clocks } from "./groups/d-clocks.ts";
import { memberships } from "./groups/e-membership.ts";
import { keysAndValues } from "./groups/f-keys-and-values.ts";
import { lists } from "./groups/g-lists.ts";
import { bulk } from "./groups/h-bulk.ts";
import { transactions } from "./groups/i-transactions.ts";
import { watches } from "./groups/j-watch.ts";
import { failures } from "./groups/k-failures.ts";
import { operations } from "./groups/l-operations.ts";
import type { GroupId, Harness, Spec } from "./harness.ts";
import type { Law } from "./law.ts";
import { LAYERS } from "./layers.ts";
import { Pass } from "./pass.ts";

const LAWS: readonly (readonly [GroupId, readonly Law[]])[] = [
  ["A", contract],
  ["B", compareAndSet],
  ["C", leases],
  ["D", clocks],
  ["E", memberships],
  ["F", keysAndValues],
  ["G", lists],
  ["H", bulk],
  ["I", transactions],
  ["J", watches],
  ["K", failures],
  ["L", operations],
];

/** Lists every law for a driver, ready to run one by one and in any order. Opens nothing yet. */
export function conformance(harness: Harness): readonly Spec[] {
  return passes(harness).flatMap((pass) =>
    LAWS.flatMap(([group, laws]) => laws.flatMap((law) => pass.specs(group, law))),
  );
}

/** The bare driver, then each layer that was asked for. */
function passes(harness: Harness): readonly Pass[] {
  const { layers = false } = harness;
  const wanted = LAYERS.filter(({ name }) => (typeof layers === "boolean" ? layers : layers.includes(name)));
  return [new Pass(harness), ...wanted.map((layer) => new Pass(harness, layer))];
}
