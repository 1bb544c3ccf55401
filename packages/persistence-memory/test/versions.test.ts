import { type Version, systemRandom } from "@orbit/persistence/driver";
import fc from "fast-check";
import { expect, test } from "vitest";

import { Versions } from "../src/versions.ts";

const numbers = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });

test("a text is that of a version exactly where the version's text is the same, also after a restore", () => {
  const versions = new Versions(systemRandom);
  versions.restore(versions.ranges, 1_000);
  fc.assert(
    fc.property(fc.oneof(numbers, fc.integer({ min: 1, max: 2_000 })), numbers, (one, two) => {
      expect(versions.isText(versions.text(one), one)).toBe(true);
      expect(versions.isText(versions.text(one), two)).toBe(one === two);
    }),
  );
});

test.each([
  ["with a leading zero", (text: string) => text.replace(".", ".0")],
  ["with a sign", (text: string) => text.replace(".", ".+")],
  ["with something behind it", (text: string) => `${text}!`],
  ["in capitals", (text: string) => text.toUpperCase()],
  ["without its number", (text: string) => text.slice(0, text.indexOf(".") + 1)],
  ["with another separator", (text: string) => text.replace(".", ":")],
  ["of another instance", (text: string) => new Versions(systemRandom).text(1).slice(0, 17) + text.slice(17)],
  ["empty", () => ""],
])("a text %s is none", (_what, spoil) => {
  const versions = new Versions(systemRandom);
  const number = 36 ** 3 + 11;
  expect(versions.isText(spoil(versions.text(number)) as Version, number)).toBe(false);
});
