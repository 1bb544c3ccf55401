import { execFileSync } from "node:child_process";
import { join } from "node:path";

import { expect, test } from "vitest";

test("one node is killed, and the other takes all its actors over with higher fences", () => {
  const main = join(import.meta.dirname, "..", "main.ts");
  const started = performance.now();
  const output = execFileSync(process.execPath, [main], { encoding: "utf8", timeout: 30_000 });
  expect(performance.now() - started).toBeLessThan(30_000);

  const [, victim = "", count = ""] = /^(node-\d) +is killed while it holds (\d) of 6$/m.exec(output) ?? [];
  const survivor = victim === "node-1" ? "node-2" : "node-1";
  const taken = [...output.matchAll(new RegExp(`^${survivor} +takes (\\w+) over, fence (\\d+)$`, "gm"))];
  expect(Number(count)).toBeGreaterThanOrEqual(3);
  expect(new Set(taken.map(([, actor]) => actor)).size).toBe(Number(count));
  expect(taken.every(([, , fence]) => Number(fence) >= 2)).toBe(true);
  expect(output).toMatch(new RegExp(`^${survivor} +holds all 6`, "m"));
  // The last heartbeat may have been sent a third of the 2,000 ms before the kill.
  const after = Number(/came (\d+) ms after the kill/.exec(output)?.[1]);
  expect(after).toBeGreaterThan(1_200);
}, 40_000);
