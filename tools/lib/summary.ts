import { existsSync } from "node:fs";

import { readJson } from "./workspace.ts";

export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** The part of vitest's JSON report that is counted. */
interface Report {
  readonly testResults: readonly {
    readonly status: string;
    readonly assertionResults: readonly { readonly status: string }[];
  }[];
}

/**
 * Counts the tests in a report of vitest. A file that failed before its tests were known (a syntax error, a hook that
 * threw) counts as one failure, because none of its tests would show.
 */
export function count(report: Report): Counts {
  let passed = 0;
  let failed = 0;
  let skipped = 0;
  for (const file of report.testResults) {
    const states = file.assertionResults.map((test) => test.status);
    const failures = states.filter((state) => state === "failed").length;
    passed += states.filter((state) => state === "passed").length;
    failed += file.status === "failed" ? Math.max(failures, 1) : failures;
    skipped += states.filter((state) => state !== "passed" && state !== "failed").length;
  }
  return { passed, failed, skipped };
}

/** Counts the report at `path`; a missing one counts nothing, so the caller's exit code decides. */
export function countFile(path: string): Counts {
  return existsSync(path) ? count(readJson<Report>(path)) : { passed: 0, failed: 0, skipped: 0 };
}

/** Writes the one line that machines read. A red run never says "0 failed", whatever was counted. */
export function summaryLine(counts: Counts, red: boolean): string {
  const failed = red ? Math.max(counts.failed, 1) : counts.failed;
  return `${counts.passed} passed, ${failed} failed, ${counts.skipped} skipped`;
}
