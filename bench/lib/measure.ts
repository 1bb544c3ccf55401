import type * as LoopsModule from "./loops.ts";
import type { Accept, Loops, Operation } from "./loops.ts";
import { type Goal, type GroupResult, spreadOf } from "./result.ts";

export interface Contestant {
  readonly name: string;
  readonly operation: Operation;
  /** `undefined` is a wrong answer by default. */
  readonly accept?: Accept;
  /** Runs after each of its rounds, outside of the measurement. */
  readonly restore?: () => Promise<void>;
}

export interface Group {
  readonly title: string;
  /** Operations in flight; 1 awaits each before the next. */
  readonly width: number;
  /** Operations of each contestant in a round. */
  readonly operations: number;
  /** The first one is the baseline of the ratios. */
  readonly contestants: readonly Contestant[];
  /** Goals by the name of the contestant. */
  readonly goals?: Readonly<Record<string, Goal>>;
}

export interface Effort {
  readonly warmUps: number;
  readonly rounds: number;
  /** Divides the operations of a round. */
  readonly divisor: number;
}

export const FULL: Effort = { warmUps: 2, rounds: 9, divisor: 1 };
export const QUICK: Effort = { warmUps: 1, rounds: 3, divisor: 4 };

interface Sample {
  readonly seconds: number;
  readonly cpuSeconds: number;
}

let copies = 0;

/** Measures the contestants of a group in turn, A B C A B C, so that a change of the machine's speed meets all of them. */
export async function measure(group: Group, effort: Effort): Promise<GroupResult> {
  const operations = Math.max(1, Math.ceil(group.operations / effort.divisor));
  const entered = await Promise.all(
    group.contestants.map(async (contestant) => ({ contestant, loops: await ownLoops(), samples: [] as Sample[] })),
  );
  for (let round = 0; round < effort.warmUps + effort.rounds; round += 1) {
    for (const { contestant, loops, samples } of entered) {
      const sample = await run(contestant, loops, round * operations, operations, group.width);
      if (round >= effort.warmUps) samples.push(sample);
    }
  }
  const [base] = entered;
  if (base === undefined) throw new Error(`${group.title}: a group needs a baseline`);
  const results = entered.map(({ contestant, samples }) => {
    const microseconds = samples.map(({ seconds }) => (seconds * 1e6) / operations);
    const baseline = base.samples.map(({ seconds }) => (seconds * 1e6) / operations);
    return {
      name: contestant.name,
      operationsPerSecond: spreadOf(samples.map(({ seconds }) => operations / seconds)),
      microseconds: spreadOf(microseconds),
      addedMicroseconds: spreadOf(microseconds.map((value, index) => value - (baseline[index] ?? 0))),
      ratio: spreadOf(microseconds.map((value, index) => (baseline[index] ?? 0) / value)),
      cpuSecondsPerThousand: spreadOf(samples.map(({ cpuSeconds }) => (cpuSeconds * 1000) / operations)),
      goal: group.goals?.[contestant.name],
    };
  });
  return { title: group.title, width: group.width, operations, rounds: effort.rounds, contestants: results };
}

async function run(
  { operation, accept = isThere, restore }: Contestant,
  loops: Loops,
  from: number,
  count: number,
  width: number,
): Promise<Sample> {
  // What others left behind is not to be cleaned up on this one's time.
  globalThis.gc?.();
  const cpu = process.cpuUsage();
  const start = performance.now();
  if (width === 1) await loops.awaited(operation, accept, from, count);
  else await loops.inFlight(operation, accept, from, count, width);
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  await restore?.();
  return { seconds, cpuSeconds: (user + system) / 1e6 };
}

async function ownLoops(): Promise<Loops> {
  copies += 1;
  const { loops } = (await import(`./loops.ts?copy=${copies}`)) as typeof LoopsModule;
  return loops;
}

function isThere(answer: unknown): boolean {
  return answer !== undefined;
}
