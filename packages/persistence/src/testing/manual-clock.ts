import type { Clock } from "../runtime/clock.ts";

/** A clock that moves only when told to, for tests where time is the subject. */
export interface ManualClock extends Clock {
  /** Moves both clocks forward, firing the timers that fall due, in order, with their promises settled in between. */
  advance(ms: number): Promise<void>;
  /** Moves the wall clock alone, in either direction. */
  stepWall(ms: number): void;
  /** Moves the wall clock while the monotonic clock and its timers stand still, as a suspended machine does. */
  suspend(ms: number): void;
}

interface Timer {
  readonly at: number;
  readonly fn: () => void;
}

export function manualClock(startWallMs = 1_700_000_000_000): ManualClock {
  let now = 0;
  let wall = startWallMs;
  const timers = new Set<Timer>();
  const due = (limit: number): Timer | undefined =>
    [...timers].filter((timer) => timer.at <= limit).sort((a, b) => a.at - b.at)[0];
  return {
    now: () => now,
    wall: () => wall,
    after(ms, fn) {
      const timer = { at: now + Math.max(ms, 0), fn };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    async advance(ms) {
      const end = now + ms;
      await settled();
      for (let timer = due(end); timer !== undefined; timer = due(end)) {
        timers.delete(timer);
        wall += Math.max(timer.at - now, 0);
        now = Math.max(timer.at, now);
        timer.fn();
        await settled();
      }
      wall += end - now;
      now = end;
      await settled();
    },
    stepWall(ms) {
      wall += ms;
    },
    suspend(ms) {
      wall += ms;
    },
  };
}

/** Lets every promise that can go on do so: `setImmediate` runs after all microtasks and ticks. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise<void>((resolve) => setImmediate(resolve));
}
