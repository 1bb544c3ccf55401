import { expect, it } from "vitest";

import { fillIn } from "../lib/report.ts";
import { spreadOf } from "../lib/result.ts";
import { calls } from "../suites/calls.ts";

// What an operation asks of its driver is part of its price on every network, and no clock is needed to hold it.
it("asks the driver no more than it has to", async () => {
  const counted = await calls();
  expect(counted.calls).toEqual({
    "store: get": { get: 1 },
    "store: put, absent": { put: 1 },
    "store: put under a version": { put: 1 },
    "store: put under a stale version": { put: 1 },
    "store: transaction of two reads and a write": { get: 2, commit: 1 },
    "lookup, first of its node": { get: 2 },
    "lookup, warm": { get: 1 },
    // The lease under a check of its floor; where there is no commit, the lease, the floor, and the floor again.
    "acquire, new": { commit: 1 },
    "acquire, new, without commit": { get: 3, put: 1 },
    "acquire, new, where the driver issues fences": { nextFence: 1, commit: 1 },
    // The conflict shows the tombstone, which is then written over under its version.
    "acquire, once released": { commit: 2 },
    // The lease and its node.
    "acquire, held by another": { get: 1, commit: 1 },
    "renew a node that holds 3 addressables": { put: 1 },
    "renew a node that holds 1,003 addressables": { put: 1 },
    "renew a lease with its own ttl": { put: 1 },
    release: { put: 1 },
    "leave a node": { get: 1, put: 1 },
    "guarded put beside its lease, first": { commit: 1 },
    "guarded put beside its lease": { commit: 1 },
    "guarded get beside its lease": { get: 1 },
    // Read, claim, and once the lease is confirmed, write; from then on write alone.
    "guarded put in another store, first": { get: 1, put: 2 },
    "the first, at the store of the lease": { get: 1 },
    "guarded put in another store": { put: 1 },
    "the second, at the store of the lease": {},
  });
});

it("tells medians and extremes", () => {
  expect(spreadOf([3, 1, 2])).toEqual({ median: 2, min: 1, max: 3 });
  expect(spreadOf([4, 1, 2, 3])).toEqual({ median: 2.5, min: 1, max: 4 });
});

it("puts a table between its own markers only", () => {
  const document = "a\n<!-- results: x -->\nold\n<!-- end: x -->\nb\n<!-- results: y -->\n<!-- end: y -->\n";
  expect(fillIn(document, "x", "new")).toBe(document.replace("old", "\nnew\n"));
  expect(() => fillIn(document, "z", "new")).toThrow("no place");
});
