import { readFileSync } from "node:fs";

import type { Capabilities, LayerName } from "@orbit/persistence";
import { CONTRACT } from "@orbit/persistence/driver";

import { LawBroken } from "./assert.ts";
import { conformance } from "./conformance.ts";
import { type GroupId, GROUPS, type Harness, type Outcome, type Spec } from "./harness.ts";

export interface RunOptions {
  /** Only laws whose `group name layer` holds this text, or matches this expression. */
  readonly filter?: string | RegExp;
  /** Ends the run after the law that is under way. */
  readonly signal?: AbortSignal;
  /** What the backend was: `real service`, an emulator, a version. Stands in the report. */
  readonly provedOn?: string;
  /** Told after each law. */
  readonly onProgress?: (progress: Progress) => void;
}

export type LawStatus = Outcome | "failed";

export interface LawResult {
  readonly group: GroupId;
  readonly name: string;
  readonly layer: LayerName | undefined;
  readonly status: LawStatus;
  readonly durationMs: number;
  /** What law was broken, what was expected and what was found. */
  readonly failure: string | undefined;
}

export interface Progress {
  readonly result: LawResult;
  readonly done: number;
  readonly total: number;
}

export interface GroupResult {
  readonly group: GroupId;
  readonly title: string;
  readonly layer: LayerName | undefined;
  /**
   * `not-applicable`: nothing of it is declared, and its use is refused as it must be. `not-given`: the harness can't
   * make the faults, and nothing was proved.
   */
  readonly status: LawStatus;
  readonly passed: number;
  readonly failed: number;
  readonly notApplicable: number;
  readonly notGiven: number;
}

export interface ConformanceReport {
  readonly kit: string;
  readonly contract: number;
  readonly provider: string;
  readonly provedOn: string | undefined;
  readonly capabilities: Capabilities;
  /** Nothing failed, nothing was left out by a filter, and the run was not ended early. Laws not given do not count. */
  readonly conformant: boolean;
  readonly groups: readonly GroupResult[];
  readonly laws: readonly LawResult[];
  readonly durationMs: number;
}

/** Proves a driver without a test runner. Laws run one after the other; a broken law is a result and not an error. */
export async function runConformance(harness: Harness, options: RunOptions = {}): Promise<ConformanceReport> {
  const start = performance.now();
  const driver = await harness.open();
  const { name: provider, capabilities } = driver;
  await driver.close();
  const every = conformance(harness);
  const specs = every.filter((spec) => matches(spec, options.filter));
  const laws: LawResult[] = [];
  for (const spec of specs) {
    if (options.signal?.aborted === true) break;
    const result = await prove(spec);
    laws.push(result);
    options.onProgress?.({ result, done: laws.length, total: specs.length });
  }
  const complete = laws.length === every.length;
  return {
    kit: kitVersion(),
    contract: CONTRACT,
    provider,
    provedOn: options.provedOn,
    capabilities,
    conformant: complete && laws.every(({ status }) => status !== "failed"),
    groups: summarize(laws),
    laws,
    durationMs: performance.now() - start,
  };
}

function matches({ group, name, layer }: Spec, filter: string | RegExp | undefined): boolean {
  if (filter === undefined) return true;
  const text = `${group} ${GROUPS[group]} ${name} ${layer ?? ""}`;
  return typeof filter === "string" ? text.toLowerCase().includes(filter.toLowerCase()) : filter.test(text);
}

async function prove(spec: Spec): Promise<LawResult> {
  const { group, name, layer } = spec;
  const start = performance.now();
  const took = (): number => performance.now() - start;
  try {
    const status = await spec.run();
    return { group, name, layer, status, durationMs: took(), failure: undefined };
  } catch (error) {
    if (!(error instanceof LawBroken)) throw error;
    return { group, name, layer, status: "failed", durationMs: took(), failure: error.message };
  }
}

function summarize(laws: readonly LawResult[]): readonly GroupResult[] {
  const byGroup = Map.groupBy(laws, ({ group, layer }) => `${layer ?? ""}/${group}`);
  return [...byGroup.values()].flatMap((results) => {
    const [first] = results;
    if (first === undefined) return [];
    const { group, layer } = first;
    const count = (status: LawStatus): number => results.filter((result) => result.status === status).length;
    const [passed, failed] = [count("passed"), count("failed")];
    const [notApplicable, notGiven] = [count("not-applicable"), count("not-given")];
    const unproved = notGiven > 0 ? "not-given" : "not-applicable";
    const status = failed > 0 ? "failed" : passed > 0 ? "passed" : unproved;
    return [{ group, title: GROUPS[group], layer, status, passed, failed, notApplicable, notGiven } as const];
  });
}

function kitVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  return typeof manifest === "object" && manifest !== null && "version" in manifest
    ? String(manifest.version)
    : "unknown";
}
