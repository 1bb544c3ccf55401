/** Time as a parameter: nothing in this package reads a clock or starts a timer but through one of these. */
export interface Clock {
  /** Monotonic milliseconds. It stands still while the machine is suspended. */
  now(): number;
  /** Milliseconds since 1970 by the wall clock. It may step. */
  wall(): number;
  /** Calls `fn` once after `ms`. The timer never keeps the process alive. */
  after(ms: number, fn: () => void): Cancel;
}

export type Cancel = () => void;

// setTimeout fires at once above this.
const MAX_TIMER_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  after(ms, fn) {
    let timer: NodeJS.Timeout;
    const wait = (left: number): void => {
      timer = setTimeout(() => (left > MAX_TIMER_MS ? wait(left - MAX_TIMER_MS) : fn()), Math.min(left, MAX_TIMER_MS));
      timer.unref();
    };
    wait(Math.max(ms, 0));
    return () => clearTimeout(timer);
  },
};
