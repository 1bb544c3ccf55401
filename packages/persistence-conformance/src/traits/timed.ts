import type { Bench, Between } from "../bench.ts";
import { movedClock, type Process, startProcess } from "./cluster.ts";
import { Stopwatch } from "./time.ts";

/** How late a server may be with what has expired. Early it must never be. */
export const LATE_MS = 10_000;

export interface Timed {
  readonly one: Process;
  readonly two: Process;
  readonly watch: Stopwatch;
  /** Short for a test, and more than the store's step. */
  readonly ttlMs: number;
  /** How late the end of a ttl may be seen: an observer that starts late waits two of them. */
  readonly withinMs: number;
  /** Reads the clock of the processes. */
  readonly now: () => number;
}

/** Two processes on the clock that the harness moves, or on the machine's own. */
export async function timed(bench: Bench, between: Between = {}): Promise<Timed> {
  const clock = movedClock(bench);
  const one = await startProcess(bench, { clock, ...between });
  const two = await startProcess(bench, { clock });
  const ttlMs = Math.max(clock === undefined ? 400 : 2_000, 2 * stepOf(bench));
  const withinMs = 3 * ttlMs + 4 * stepOf(bench) + (clock === undefined ? LATE_MS : 0);
  const now = clock === undefined ? () => performance.now() : () => clock.now();
  return { one, two, watch: new Stopwatch(bench.harness), ttlMs, withinMs, now };
}

/** The least time that the store can tell. */
export function stepOf(bench: Bench): number {
  return bench.capabilities.limits.ttlGranularityMs + bench.capabilities.limits.clockSkewMs;
}
