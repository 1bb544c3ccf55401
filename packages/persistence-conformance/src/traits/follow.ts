import { type Change, type Cursor, type Resync, StoreError } from "@orbit/persistence";
import type { StoreDriver } from "@orbit/persistence/driver";

import { LawBroken, must } from "../assert.ts";
import type { Bench } from "../bench.ts";
import { LATE_MS } from "./timed.ts";

type Item = readonly Change[] | Resync;
/** What a driver or a store that has watches is followed by. */
export type Watching = Pick<StoreDriver, "watch">;

interface FollowOptions {
  readonly prefix: string;
  readonly from?: Cursor | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Reads a stream of changes and keeps what it was shown. */
export class Follower {
  /** All changes so far, in the order of the stream. */
  readonly changes: Change[] = [];
  /** Where in {@link changes} the stream said to read anew. */
  readonly resyncs: number[] = [];
  /** The place of the latest item. */
  cursor: Cursor | undefined;
  readonly #bench: Bench;
  readonly #items: AsyncIterator<Item>;

  constructor(bench: Bench, instance: Watching, { prefix, from, signal }: FollowOptions) {
    this.#bench = bench;
    const stream = instance.watch?.({ prefix, ...(from !== undefined && { from }) }, { signal });
    must(stream !== undefined, "an instance that declares watch has the method", "watch", undefined);
    this.#items = stream[Symbol.asyncIterator]();
  }

  /** Takes the next item, which must come. */
  async step(law: string): Promise<Item> {
    const step = await soon(this.next(), law, "the next item of the stream");
    must(step.done !== true, law, "the stream goes on", "its end");
    return step.value;
  }

  /** Asks for the next item, which may never come. */
  async next(): Promise<IteratorResult<Item, unknown>> {
    const step = await this.#items.next();
    if (step.done === true) return step;
    if ("type" in step.value) {
      this.resyncs.push(this.changes.length);
      this.cursor = step.value.cursor;
    } else {
      this.changes.push(...step.value);
      this.cursor = step.value.at(-1)?.cursor ?? this.cursor;
    }
    return step;
  }

  /** Takes the first item of a stream that begins at the present, which is a resync. */
  async start(): Promise<Cursor> {
    const law = "a stream without a cursor starts with a resync";
    const item = await this.step(law);
    must("type" in item && item.type === "resync", law, "a resync", item);
    return item.cursor;
  }

  /** Reads on until it has been shown enough. */
  async until(law: string, enough: () => boolean): Promise<void> {
    while (!enough()) await this.step(law);
  }

  /** Reads on until each key was shown with this text as its latest. */
  async untilAll(keys: Iterable<string>, text: string, law: string): Promise<void> {
    const missing = new Set(keys);
    for (let at = 0; missing.size > 0; at += 1) {
      await this.until(`${law}: ${missing.size} keys have not been shown`, () => this.changes.length > at);
      const change = this.changes[at];
      if (change?.type === "put" && this.#bench.text(change.entry) === text) missing.delete(change.entry.key);
    }
  }

  /** What was shown of a key, in order: texts, and `undefined` for deletes. */
  of(key: string): (string | undefined)[] {
    return this.changes.filter((change) => keyOf(change) === key).map((change) => this.textOf(change));
  }

  textOf(change: Change): string | undefined {
    return change.type === "put" ? this.#bench.text(change.entry) : undefined;
  }

  /** Ends the stream, as leaving a loop over it does. */
  async end(): Promise<void> {
    await this.#items.return?.();
  }
}

export function keyOf(change: Change): string {
  return change.type === "put" ? change.entry.key : change.key;
}

/** Waits for what has to come soon; a server may take a while. */
export async function soon<T>(work: Promise<T>, law: string, what: string): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new LawBroken(law, `${what} within ${LATE_MS} ms`, "nothing yet")), LATE_MS);
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** How a stream that was told to end has ended: by itself, or with an error of one of these codes. */
export async function ending(next: Promise<IteratorResult<Item, unknown>>, codes: string, law: string): Promise<void> {
  const settled = next.then(
    (step) => step,
    (error: unknown) => error,
  );
  const answer = await soon(settled, law, "the end of the stream");
  const ended = StoreError.is(answer) ? codes.includes(answer.code) : (answer as { done?: boolean }).done === true;
  must(ended, law, `its end, or ${codes}`, answer);
}
