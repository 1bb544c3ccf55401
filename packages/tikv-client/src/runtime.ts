/** Time and chance as a parameter: retries, caches and deadlines take both from here. */
export interface Runtime {
  /** Monotonic milliseconds. */
  now(): number;
  /** A number from 0, included, to 1, excluded. */
  random(): number;
  /** Calls `fn` once after `ms`. The timer never keeps the process alive. */
  after(ms: number, fn: () => void): () => void;
}

export const systemRuntime: Runtime = {
  now: () => performance.now(),
  random: () => Math.random(),
  after(ms, fn) {
    const timer = setTimeout(fn, Math.max(ms, 0));
    timer.unref();
    return () => clearTimeout(timer);
  },
};
