import fc from "fast-check";
import { expect, test } from "vitest";

import { cutPrefix, decodePart, encodePart, fitKey, isHashed, SEPARATOR } from "../src/keys/codec.ts";
import { Keyspace } from "../src/store/keyspace.ts";
import { failure } from "./support.ts";

const anyText = fc.string({ unit: "binary", maxLength: 24 });
const awkward = fc.string({
  unit: fc.constantFrom("a", "z", "0", "9", "A", "-", ".", "_", "~", "!", "/", "\0", "é", "😀", "\ufeff", "\uffff"),
});
const part = fc.oneof(anyText, awkward);
const tuple = fc.array(part, { minLength: 1, maxLength: 4 });

/** Part by part, each by its UTF-8 bytes; a tuple sorts before those it begins. */
function compareTuples(a: readonly string[], b: readonly string[]): number {
  for (let at = 0; at < Math.min(a.length, b.length); at += 1) {
    const order = Buffer.compare(Buffer.from(a[at] ?? ""), Buffer.from(b[at] ?? ""));
    if (order !== 0) return order;
  }
  return Math.sign(a.length - b.length);
}

const encodeTuple = (parts: readonly string[]): string => parts.map(encodePart).join(SEPARATOR);

test("encoded keys hold only characters that are legal and case-safe everywhere", () => {
  fc.assert(
    fc.property(part, (value) => {
      expect(encodePart(value)).toMatch(/^[0-9a-z._~]*$/);
    }),
  );
});

test("decoding inverts encoding", () => {
  fc.assert(
    fc.property(part, (value) => {
      expect(decodePart(encodePart(value))).toBe(value);
    }),
  );
});

test("encoded tuples sort as the UTF-8 bytes of their parts", () => {
  fc.assert(
    fc.property(tuple, tuple, (a, b) => {
      const order = Buffer.compare(Buffer.from(encodeTuple(a)), Buffer.from(encodeTuple(b)));
      expect(Math.sign(order)).toBe(compareTuples(a, b));
    }),
    { numRuns: 2_000 },
  );
});

test("what decodes is exactly what encoding makes", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom("0", "9", "a", "f", "z", "A", ".", "-", "_", "~", "!", "é", "%") }),
      (encoded) => {
        let decoded: string;
        try {
          decoded = decodePart(encoded);
        } catch {
          return;
        }
        expect(encodePart(decoded)).toBe(encoded);
      },
    ),
  );
});

test.each(["~ff", "~c3", "_c3.a9", ".2", "_zz", "A", "é", "~80"])("%j is refused as corrupt", async (encoded) => {
  expect((await failure(() => decodePart(encoded))).code).toBe("CORRUPT");
});

test("a lone surrogate is refused", async () => {
  for (const value of ["\ud800", "a\udc00b", "key\ud83d"]) {
    expect((await failure(() => encodePart(value))).code).toBe("INVALID_ARGUMENT");
  }
});

test("a key over the limit is cut to it and ends in a hash of the whole", () => {
  const long = "a".repeat(200);
  const fitted = fitKey(long, 100);
  expect(fitted).toEqual({ text: expect.stringMatching(/^a{47}![a-z2-7]{52}$/), hashed: true });
  expect(isHashed(fitted.text)).toBe(true);
  expect(fitKey(`${long}b`, 100).text).not.toBe(fitted.text);
  expect(fitKey("a".repeat(100), 100)).toEqual({ text: "a".repeat(100), hashed: false });
  expect(isHashed("a".repeat(100))).toBe(false);
});

test("keys of a space are distinct, within the limit, covered by their prefix, and told apart from other spaces", () => {
  const parts = fc.array(fc.string({ unit: "binary", maxLength: 90 }), { minLength: 1, maxLength: 3 });
  fc.assert(
    fc.property(parts, parts, fc.string({ maxLength: 200 }), fc.nat(90), (a, b, namespace, length) => {
      const space = new Keyspace(namespace, "data", 160);
      const [one, two] = [space.encode(...a), space.encode(...b)];
      expect(one.key.length).toBeLessThanOrEqual(160);
      expect(one.key === two.key).toBe(encodeTuple(a) === encodeTuple(b));
      expect(space.decode({ key: one.key, envelope: { key: one.original } })).toEqual(a);
      const [first = ""] = a;
      const start = Array.from(first).slice(0, length).join("");
      expect(one.key.startsWith(space.range([start]).prefix)).toBe(true);
      expect(one.key.startsWith(new Keyspace(`${namespace}x`, "data", 160).range([""]).prefix)).toBe(false);
      expect(one.key.startsWith(new Keyspace(namespace, "dat", 160).range([""]).prefix)).toBe(false);
    }),
  );
});

test("long namespaces that begin alike stay apart", () => {
  const [one, two] = ["1", "2"].map((end) => new Keyspace("n".repeat(5_000) + end, "data", 255));
  expect(one?.range([""]).prefix).not.toBe(two?.range([""]).prefix);
  expect(one?.encode("x").key).not.toBe(two?.encode("x").key);
});

test("a driver whose keys are too short for any namespace is refused", async () => {
  expect((await failure(() => new Keyspace("orbit", "data", 60))).code).toBe("UNSUPPORTED");
  expect((await failure(() => fitKey("a".repeat(60), 50))).code).toBe("UNSUPPORTED");
});

test("a cut prefix is never longer than what a cut key keeps", () => {
  fc.assert(
    fc.property(fc.integer({ min: 54, max: 300 }), fc.nat(300), (limit, length) => {
      const whole = "k".repeat(300);
      expect(fitKey(whole, limit).text.startsWith(cutPrefix(whole.slice(0, length), limit))).toBe(true);
    }),
  );
});

test("driver keys that are kept are those that would be made, also once more than are kept were asked for", () => {
  const space = new Keyspace("orbit", "data", 255);
  const names = Array.from({ length: 40_000 }, (_, index) => `name/${index}`).concat("n".repeat(500));
  for (let round = 0; round < 2; round += 1) {
    for (const name of names) expect(space.encodeName(name)).toEqual(space.encode(name));
  }
});
