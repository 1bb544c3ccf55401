import { availableParallelism, cpus, loadavg, totalmem } from "node:os";

/** The median of a figure over the rounds, and its extremes. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export interface Goal {
  readonly of: "ratio" | "addedMicroseconds";
  readonly least?: number;
  readonly most?: number;
}

export interface ContestantResult {
  readonly name: string;
  readonly operationsPerSecond: Spread;
  readonly microseconds: Spread;
  /** Microseconds beyond the baseline of the same round. */
  readonly addedMicroseconds: Spread;
  /** Speed as a multiple of the baseline's in the same round. */
  readonly ratio: Spread;
  readonly cpuSecondsPerThousand: Spread;
  readonly goal?: Goal | undefined;
}

export interface GroupResult {
  readonly title: string;
  readonly width: number;
  readonly operations: number;
  readonly rounds: number;
  readonly contestants: readonly ContestantResult[];
}

/** A figure that is no speed, such as bytes. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly goal?: { readonly most: number };
}

/** Driver calls of one operation, by method. */
export type Calls = Readonly<Record<string, number>>;

export interface Measured {
  readonly groups?: readonly GroupResult[];
  readonly figures?: readonly Figure[];
  readonly calls?: Readonly<Record<string, Calls>>;
}

/** What runs are compared by. No host names and no paths. */
export interface Machine {
  readonly node: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly platform: string;
  /** The load of the last minute before the start. */
  readonly loadBefore: number;
}

export interface Result extends Measured {
  readonly name: string;
  readonly machine: Machine;
  /** Why the figures are to be doubted. */
  readonly warning?: string;
}

/** From this load on, something else ran beside the measurement. */
const BUSY_LOAD = 1;

export function machine(): Machine {
  return {
    node: process.version,
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    platform: `${process.platform}-${process.arch}`,
    loadBefore: round(loadavg()[0] ?? 0),
  };
}

export function warningFor({ loadBefore }: Machine): string | undefined {
  if (loadBefore <= BUSY_LOAD) return undefined;
  return `the machine was busy: its load was ${loadBefore} before the start, so the figures may be off`;
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const median = ((sorted[Math.ceil(middle) - 1] ?? 0) + (sorted[Math.floor(middle)] ?? 0)) / 2;
  return { median: round(median), min: round(sorted[0] ?? 0), max: round(sorted.at(-1) ?? 0) };
}

/** Keeps four digits: the fifth is noise. */
function round(value: number): number {
  return Number(value.toPrecision(4));
}

export function isMet(result: ContestantResult): boolean | undefined {
  const { goal } = result;
  if (goal === undefined) return undefined;
  const { median } = result[goal.of];
  return median >= (goal.least ?? Number.NEGATIVE_INFINITY) && median <= (goal.most ?? Number.POSITIVE_INFINITY);
}
