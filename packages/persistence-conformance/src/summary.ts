import type { ConformanceReport, LawResult } from "./run.ts";

/** What `conformance.json` holds: the verdict for a badge, and by group what it stands on. */
export interface ConformanceSummary extends Omit<ConformanceReport, "laws"> {
  readonly broken: readonly Pick<LawResult, "group" | "name" | "layer" | "failure">[];
}

/** Leaves out of a report the laws that hold. */
export function summaryOf(report: ConformanceReport): ConformanceSummary {
  const { laws, ...rest } = report;
  const broken = laws
    .filter(({ status }) => status === "failed")
    .map(({ group, name, layer, failure }) => ({ group, name, layer, failure }));
  return { ...rest, durationMs: Math.round(report.durationMs), broken };
}
