import { expect, test } from "vitest";

import { count, summaryLine } from "../lib/summary.ts";

const file = (status: string, ...states: string[]) => ({
  status,
  assertionResults: states.map((state) => ({ status: state })),
});

test("counts tests over all files", () => {
  const report = {
    testResults: [file("passed", "passed", "skipped"), file("failed", "passed", "failed", "failed", "todo")],
  };
  expect(count(report)).toEqual({ passed: 2, failed: 2, skipped: 2 });
});

test("counts a file that broke before its tests ran as one failure", () => {
  expect(count({ testResults: [file("failed")] })).toEqual({ passed: 0, failed: 1, skipped: 0 });
  expect(count({ testResults: [file("failed", "passed", "pending")] })).toEqual({ passed: 1, failed: 1, skipped: 1 });
});

test("never says that nothing failed when a step was red", () => {
  const clean = { passed: 3, failed: 0, skipped: 0 };
  expect(summaryLine(clean, true)).toBe("3 passed, 1 failed, 0 skipped");
  expect(summaryLine(clean, false)).toBe("3 passed, 0 failed, 0 skipped");
  expect(summaryLine({ passed: 3, failed: 2, skipped: 1 }, true)).toBe("3 passed, 2 failed, 1 skipped");
});
