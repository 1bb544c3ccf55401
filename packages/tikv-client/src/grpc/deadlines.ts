import type { Runtime } from "../runtime.ts";

/**
 * Watches the deadlines of many requests with one timer, which is armed for the earliest that was told. Deadlines are
 * mostly told in ascending order and met early, so the timer seldom runs and a request costs one comparison.
 */
export class Deadlines {
  readonly #runtime: Runtime;
  readonly #expire: (now: number) => number;
  #armedFor = Number.POSITIVE_INFINITY;
  #cancel: (() => void) | undefined;

  /** `expire` ends what is due at `now` and gives the earliest deadline that is left, or infinity. */
  constructor(runtime: Runtime, expire: (now: number) => number) {
    this.#runtime = runtime;
    this.#expire = expire;
  }

  watch(deadline: number): void {
    if (deadline >= this.#armedFor) return;
    this.#cancel?.();
    this.#armedFor = deadline;
    this.#cancel = this.#runtime.after(deadline - this.#runtime.now(), () => {
      this.stop();
      this.watch(this.#expire(this.#runtime.now()));
    });
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#armedFor = Number.POSITIVE_INFINITY;
  }
}
