import fc from "fast-check";
import { expect, test } from "vitest";

import { KeyIndex } from "../src/key-index.ts";
import { type Slot, Table } from "../src/table.ts";

const byUtf8 = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));
const key = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 6 }),
  fc.string({ unit: fc.constantFrom("a", "b", "\u00e9", "\ud7ff", "\ue000", "\uffff", "\u{10000}", "\u{10ffff}") }),
);

function slot(version: number): Slot {
  return { value: String(version), version, writtenAt: 0, life: undefined };
}

function listed(index: KeyIndex, start = "", inclusive = true): string[] {
  const keys: string[] = [];
  index.visit(start, inclusive, (found) => keys.push(found) > 0);
  return keys;
}

test("keys are visited in the order of their UTF-8 bytes, whatever came and went", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(key, fc.boolean()), { maxLength: 200 }),
      key,
      fc.boolean(),
      (steps, start, inclusive) => {
        const index = new KeyIndex();
        const model = new Set<string>();
        for (const [name, adds] of steps) {
          if (adds && !model.has(name)) index.add(name);
          if (!adds) index.delete(name);
          if (adds) model.add(name);
          else model.delete(name);
        }
        const sorted = [...model].sort(byUtf8);
        expect(listed(index)).toEqual(sorted);
        const from = sorted.filter((name) => byUtf8(name, start) > 0 || (inclusive && name === start));
        expect(listed(index, start, inclusive)).toEqual(from);
      },
    ),
  );
});

test.each(["ascending", "descending", "shuffled"])("many blocks keep their order when keys come %s", (order) => {
  const names = Array.from({ length: 5000 }, (_, at) => `k${String(at).padStart(5, "0")}`);
  const coming = [...names];
  if (order === "descending") coming.reverse();
  if (order === "shuffled") coming.sort((a, b) => byUtf8(a.slice(4) + a, b.slice(4) + b));
  const index = new KeyIndex();
  for (const name of coming) index.add(name);
  expect(listed(index)).toEqual(names);
  for (const name of coming.slice(0, 4000)) index.delete(name);
  expect(listed(index)).toEqual(coming.slice(4000).sort());
  index.delete("not there");
  expect(listed(index)).toHaveLength(1000);
});

test("a snapshot shows the table as it was when it was taken, each key once, while writes go on", () => {
  const step = fc.record({
    key: fc.constantFrom("a", "b", "c", "d", "e", "f", "g"),
    deletes: fc.boolean(),
    reads: fc.nat(2),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), fc.array(step, { maxLength: 40 }), (before, during) => {
      const table = new Table();
      let version = 0;
      const run = ({ key: name, deletes }: { key: string; deletes: boolean }): void => {
        if (deletes) table.delete(name);
        else table.set(name, slot((version += 1)));
      };
      before.forEach(run);
      const expected = new Map<string, Slot | undefined>();
      table.visit("", true, (name) => expected.set(name, table.get(name)).size > 0);
      using snapshot = table.snapshot();
      const seen = new Map<string, Slot>();
      const take = (count: number): boolean => {
        let left = count;
        return snapshot.read((name, found) => {
          expect(seen.has(name)).toBe(false);
          seen.set(name, found);
          left -= 1;
          return left > 0;
        });
      };
      for (const one of during) {
        run(one);
        if (one.reads > 0) take(one.reads);
      }
      while (take(3));
      expect(seen).toEqual(expected);
    }),
  );
});

test("bytes of keys and values are counted exactly through every change", () => {
  const table = new Table();
  table.set("aé", { ...slot(1), value: "12345" });
  expect(table.bytes).toBe(8);
  table.set("aé", { ...slot(2), value: new Uint8Array(2000) });
  expect(table.bytes).toBe(2003);
  table.set("b", slot(3));
  expect(table.bytes).toBe(2005);
  table.delete("aé");
  table.delete("aé");
  expect(table.bytes).toBe(2);
});
