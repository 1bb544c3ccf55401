import { LawBroken } from "../assert.ts";
import type { BackendClock, Harness } from "../harness.ts";

const POLL_MS = 5;
/** How many looks a wait takes on a clock that is moved. */
const LOOKS = 200;

export interface Wait {
  /** What must come to be. */
  readonly law: string;
  /** It is a fault when it comes earlier, in milliseconds since the watch was started. */
  readonly notBeforeMs?: number;
  /** It is a fault when it comes later. */
  readonly withinMs: number;
}

/** Counts the backend's time: real time, or what was moved where the harness moves its clock. */
export class Stopwatch {
  readonly #clock: BackendClock | undefined;
  readonly #start: number = performance.now();
  #moved = 0;

  constructor(harness: Harness) {
    this.#clock = harness.clock;
  }

  /** Whether the backend's time moves only when told to. */
  get manual(): boolean {
    return this.#clock !== undefined;
  }

  /** Milliseconds since the watch was made. */
  elapsed(): number {
    return this.#clock === undefined ? performance.now() - this.#start : this.#moved;
  }

  /** Lets time pass at the backend. */
  async pass(ms: number): Promise<void> {
    this.#moved += ms;
    if (this.#clock === undefined) await new Promise((resolve) => setTimeout(resolve, ms));
    else await this.#clock.advance(ms);
  }

  /** Asks again and again until the answer is true, and fails when that comes too early or too late. */
  async until({ law, notBeforeMs = 0, withinMs }: Wait, ask: () => Promise<boolean>): Promise<void> {
    const step = this.manual ? Math.max(1, withinMs / LOOKS) : POLL_MS;
    for (;;) {
      const answer = await ask();
      const passed = this.elapsed();
      if (answer && passed < notBeforeMs)
        throw new LawBroken(law, `not before ${notBeforeMs} ms`, `after ${passed} ms`);
      if (answer) return;
      if (passed > withinMs) throw new LawBroken(law, `within ${withinMs} ms`, `not yet after ${passed} ms`);
      await this.pass(step);
    }
  }
}
