import type { Reply } from "./client.ts";

/** Reckons the server's clock from what its answers tell. */
export class ServerClock {
  readonly #now: () => number;
  /** The server's microseconds at this process's monotonic zero. */
  #offset: number | undefined;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Takes the microseconds of an answer that has just arrived. */
  tell(micros: Reply | undefined): void {
    if (typeof micros === "number") this.#offset = micros - this.#now() * 1000;
  }

  micros(): bigint | undefined {
    return this.#offset === undefined ? undefined : BigInt(Math.floor(this.#offset + this.#now() * 1000));
  }
}
