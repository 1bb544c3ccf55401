import { describe, expect, test } from "vitest";

import { explain, shrink } from "../src/history/explain.ts";
import { isLinearizable } from "../src/history/linearizable.ts";
import type { Operation, State } from "../src/history/operation.ts";

type Write = Exclude<Operation["act"], { type: "get" }>;
type Answer = Write["answer"];

const ok: Answer = { ok: true };
const lost = (current: State): Answer => ({ ok: false, current });

function get(client: number, called: number, answered: number, found: State): Operation {
  return { client, called, answered, act: { type: "get", found } };
}

function put(
  client: number,
  called: number,
  answered: number,
  leaves: string,
  when: Write["when"],
  answer: Answer,
): Operation {
  return { client, called, answered, act: { type: "put", when, leaves, answer } };
}

describe("histories that have an order", () => {
  test.each<[string, Operation[]]>([
    ["nothing", []],
    ["a read of what was written", [put(1, 1, 2, "x", "absent", ok), get(2, 3, 4, "x")]],
    [
      "a read that overlaps a write sees it or not",
      [put(1, 1, 5, "x", "always", ok), get(2, 2, 3, undefined), get(2, 4, 6, "x")],
    ],
    ["of two creates at once one loses", [put(1, 1, 4, "x", "absent", ok), put(2, 2, 3, "y", "absent", lost("x"))]],
    [
      "an unknown write landed",
      [put(1, 1, Infinity, "x", "absent", "unknown"), get(2, 5, 6, undefined), get(2, 7, 8, "x")],
    ],
    ["an unknown write never landed", [put(1, 1, Infinity, "x", "absent", "unknown"), get(2, 5, 6, undefined)]],
    [
      "a compare-and-set between two reads",
      [put(1, 1, 2, "x", "absent", ok), put(2, 3, 6, "y", { holds: "x" }, ok), get(1, 4, 5, "y")],
    ],
  ])("%s", (_name, history) => {
    expect(isLinearizable(history)).toBe(true);
    expect(isLinearizable(history.toReversed())).toBe(true);
  });
});

describe("histories that have none", () => {
  test.each<[string, Operation[]]>([
    ["a read of what was never written", [get(1, 1, 2, "x")]],
    ["a stale read", [put(1, 1, 2, "x", "always", ok), get(2, 3, 4, undefined)]],
    ["two creates that both win", [put(1, 1, 4, "x", "absent", ok), put(2, 2, 3, "y", "absent", ok)]],
    [
      "a lost update",
      [put(1, 1, 2, "x", "absent", ok), put(1, 3, 5, "y", { holds: "x" }, ok), put(2, 4, 6, "z", { holds: "x" }, ok)],
    ],
    ["a conflict with what was not there", [put(1, 1, 2, "x", "absent", ok), put(2, 3, 4, "y", "absent", lost("z"))]],
    ["reads that go back", [put(1, 1, 9, "x", "always", ok), get(2, 2, 3, "x"), get(3, 4, 5, undefined)]],
    [
      "an unknown write that lands twice",
      [
        put(1, 1, Infinity, "x", "absent", "unknown"),
        get(2, 2, 3, "x"),
        {
          client: 2,
          called: 4,
          answered: 5,
          act: { type: "delete", when: { holds: "x" }, leaves: undefined, answer: ok },
        },
        get(2, 6, 7, "x"),
      ],
    ],
  ])("%s", (_name, history) => {
    expect(isLinearizable(history)).toBe(false);
  });
});

test("a broken history is told by its smallest part", () => {
  const noise = Array.from({ length: 20 }, (_, index) => get(3, 10 * index + 1, 10 * index + 2, undefined));
  const broken = [put(1, 300, 301, "x", "absent", ok), get(2, 302, 303, undefined), get(1, 304, 305, "x")];
  expect(shrink([...noise, ...broken])).toEqual(broken.slice(0, 2));
  const text = explain(new Map([["k", [...noise, ...broken]]]));
  expect(text).toContain("put x when absent -> ok");
  expect(text).toContain("get -> nothing");
  expect(text?.split("\n")).toHaveLength(3);
  expect(explain(new Map([["k", noise]]))).toBeUndefined();
});

test("a long history of many clients is judged in little time", () => {
  // Each round four writers overlap, and one read afterwards tells which came last.
  const history = Array.from({ length: 40 }, (_, round) => {
    const start = 100 * round;
    const writes = Array.from({ length: 4 }, (__, client) =>
      put(client, start + client, start + 20 + client, `${round}.${client}`, "always", ok),
    );
    return [...writes, get(9, start + 50, start + 60, `${round}.${round % 4}`)];
  }).flat();
  expect(isLinearizable(history)).toBe(true);
});
