import { type CallOptions, type Change, type Resync, StoreError, type Watch } from "@orbit/persistence/driver";

import type { Data } from "./data.ts";

const MAX_BATCH = 500;

type Item = readonly Change[] | Resync;

/** A stream over the change log. Its consumer sets the pace; `return` ends a pending `next` at once. */
export class WatchStream implements AsyncIterableIterator<Item> {
  readonly #data: Data;
  readonly #prefix: string;
  readonly #signal: AbortSignal | undefined;
  /** Aborted when the driver closes. */
  readonly #closing: AbortSignal;
  /** The number of the last change that was seen; `undefined` where the stream must begin anew. */
  #seen: number | undefined;
  #ended = false;

  constructor(data: Data, range: Watch, options: CallOptions | undefined, closing: AbortSignal) {
    this.#data = data;
    this.#prefix = range.prefix;
    this.#signal = options?.signal;
    this.#closing = closing;
    data.log.activate();
    this.#seen = range.from === undefined ? undefined : data.log.parse(range.from);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Item, undefined>> {
    for (;;) {
      if (this.#ended) return { done: true, value: undefined };
      if (this.#signal?.aborted === true || this.#closing.aborted) {
        this.#ended = true;
        throw this.#closing.aborted
          ? new StoreError("CLOSED", "the store was closed while it was watched")
          : new StoreError("ABORTED", "the caller's signal was aborted", { cause: this.#signal?.reason });
      }
      this.#data.expire();
      const value = this.#take();
      if (value !== undefined) return { done: false, value };
      await this.#wait();
    }
  }

  return(): Promise<IteratorResult<Item, undefined>> {
    this.#ended = true;
    this.#data.log.wake();
    return Promise.resolve({ done: true, value: undefined });
  }

  #take(): Item | undefined {
    const { log } = this.#data;
    if (this.#seen === undefined || !log.reaches(this.#seen)) {
      this.#seen = log.last;
      return { type: "resync", cursor: log.cursor(this.#seen) };
    }
    const changes: Change[] = [];
    while (this.#seen < log.last && changes.length < MAX_BATCH) {
      this.#seen += 1;
      const logged = log.at(this.#seen);
      if (logged === undefined || !logged.key.startsWith(this.#prefix)) continue;
      const { key, slot } = logged;
      const cursor = log.cursor(this.#seen);
      changes.push(
        slot === undefined
          ? { type: "delete", key, cursor }
          : { type: "put", entry: this.#data.entry(key, slot), cursor },
      );
    }
    return changes.length === 0 ? undefined : changes;
  }

  #wait(): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        stop();
        this.#signal?.removeEventListener("abort", wake);
        this.#closing.removeEventListener("abort", wake);
        resolve();
      };
      const stop = this.#data.log.onChange(wake);
      this.#signal?.addEventListener("abort", wake, { once: true });
      this.#closing.addEventListener("abort", wake, { once: true });
    });
  }
}
