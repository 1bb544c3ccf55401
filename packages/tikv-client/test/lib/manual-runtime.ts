import type { Runtime } from "../../src/runtime.ts";

export interface ManualRuntime extends Runtime {
  /** What was slept for, in order. */
  readonly sleeps: readonly number[];
}

/** Time that passes as soon as somebody waits for it. `random` is a constant, 1 at the most. */
export function manualRuntime(random = 0): ManualRuntime {
  let now = 0;
  const sleeps: number[] = [];
  return {
    sleeps,
    now: () => now,
    random: () => random,
    after(ms, fn) {
      let live = true;
      queueMicrotask(() => {
        if (!live) return;
        now += ms;
        sleeps.push(ms);
        fn();
      });
      return () => void (live = false);
    },
  };
}
