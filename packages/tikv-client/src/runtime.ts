/** Time and chance as a parameter: retries, caches and deadlines take both from here. */
export interface Runtime {
  /** Monotonic milliseconds. */
  now(): number;
  /** A number from 0, included, to 1, excluded. */
  random(): number;
  /** Calls `fn` once after `ms`. The timer keeps the process alive only where `isAwaited` says that a caller waits for it. */
  after(ms: number, fn: () => void, isAwaited?: boolean): () => void;
}

export const systemRuntime: Runtime = {
  now: () => performance.now(),
  random: () => Math.random(),
  after(ms, fn, isAwaited = false) {
    const timer = setTimeout(fn, Math.max(ms, 0));
    if (!isAwaited) timer.unref();
    return () => clearTimeout(timer);
  },
};
