export { LawBroken } from "./assert.ts";
export { conformance } from "./conformance.ts";
export {
  type BackendClock,
  type Faults,
  type GroupId,
  GROUPS,
  type Harness,
  type Heal,
  type Outcome,
  type Spec,
} from "./harness.ts";
export { registerConformance, type Runner } from "./register.ts";
export {
  type ConformanceReport,
  type GroupResult,
  type LawResult,
  type LawStatus,
  type Progress,
  runConformance,
  type RunOptions,
} from "./run.ts";
export { type ConformanceSummary, summaryOf } from "./summary.ts";
