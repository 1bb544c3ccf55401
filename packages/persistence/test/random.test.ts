import { expect, test } from "vitest";

import { systemRandom } from "../src/index.ts";

test("random bytes are given out once each, over the end of what was drawn at once", () => {
  const ids = Array.from({ length: 2000 }, () => Buffer.from(systemRandom.fill(new Uint8Array(16))).toString("hex"));
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids).not.toContain("0".repeat(32));
});

test("random bytes fill all of any length", () => {
  for (const length of [0, 1, 255, 256, 257, 4095, 4096, 5000]) {
    const seen = new Uint8Array(length);
    // A byte that stays zero over so many draws was never filled.
    for (let draw = 0; draw < 16; draw += 1) {
      systemRandom.fill(new Uint8Array(length)).forEach((byte, at) => {
        seen[at] = (seen[at] ?? 0) | byte;
      });
    }
    expect(seen.includes(0), String(length)).toBe(false);
  }
});
