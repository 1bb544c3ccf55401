import type { Cursor } from "@orbit/persistence/driver";

import type { Slot } from "./table.ts";

export interface Logged {
  readonly key: string;
  /** What stands there now; `undefined` after a delete. */
  readonly slot: Slot | undefined;
}

export interface ChangeLogLimits {
  /** How many changes are kept for consumers that come late; 16,384 by default. */
  readonly maxChanges?: number;
  /** How many bytes of keys and values those changes may hold; 16 MiB by default. */
  readonly maxBytes?: number;
}

/**
 * The last changes, numbered. Consumers read it at their own pace and none has a queue of its own: one that falls behind
 * the oldest change kept is told to read its range anew. Nothing is kept until the first consumer comes.
 */
export class ChangeLog {
  readonly #maxChanges: number;
  readonly #maxBytes: number;
  readonly #instance: string;
  readonly #waiting = new Set<() => void>();
  #changes: Logged[] = [];
  /** Where the oldest change kept stands in the array; what is before it was dropped. */
  #start = 0;
  /** The number of the change at `#start`. */
  #first = 1;
  #bytes = 0;
  #active = false;

  constructor(instance: string, limits: ChangeLogLimits = {}) {
    this.#instance = instance;
    this.#maxChanges = limits.maxChanges ?? 16_384;
    this.#maxBytes = limits.maxBytes ?? 16 * 2 ** 20;
  }

  /** The number of the latest change. */
  get last(): number {
    return this.#first + this.#changes.length - this.#start - 1;
  }

  /** Starts to keep changes. */
  activate(): void {
    this.#active = true;
  }

  append(key: string, slot: Slot | undefined): void {
    if (!this.#active) return;
    this.#changes.push({ key, slot });
    this.#bytes += weight(key, slot);
    while (this.#changes.length - this.#start > this.#maxChanges || this.#bytes > this.#maxBytes) this.#dropOldest();
    this.wake();
  }

  /** Gives all cursors up: whoever resumes is told to read its range anew. */
  reset(): void {
    this.#first = this.last + 2;
    this.#changes = [];
    this.#start = 0;
    this.#bytes = 0;
    this.wake();
  }

  /** Returns the change of a number; `undefined` where it was dropped or has not happened. */
  at(number: number): Logged | undefined {
    return number < this.#first ? undefined : this.#changes[this.#start + number - this.#first];
  }

  /** Whether every change after this number is still there. */
  reaches(number: number): boolean {
    return number + 1 >= this.#first && number <= this.last;
  }

  cursor(number: number): Cursor {
    return `${this.#instance}.${number.toString(36)}` as Cursor;
  }

  /** Returns the number in a cursor of this log; `undefined` for cursors of other logs, such as that of an earlier process. */
  parse(cursor: Cursor): number | undefined {
    const [instance, digits = ""] = cursor.split(".");
    const number = Number.parseInt(digits, 36);
    return instance === this.#instance && this.cursor(number) === cursor ? number : undefined;
  }

  /** Calls `fn` at each change and each `wake`, until the returned function is called. */
  onChange(fn: () => void): () => void {
    this.#waiting.add(fn);
    return () => this.#waiting.delete(fn);
  }

  wake(): void {
    for (const fn of this.#waiting) fn();
  }

  #dropOldest(): void {
    const oldest = this.#changes[this.#start];
    if (oldest !== undefined) this.#bytes -= weight(oldest.key, oldest.slot);
    this.#start += 1;
    this.#first += 1;
    // The dropped half is cut off at once, so that dropping costs the same at any length.
    if (this.#start * 2 < this.#changes.length) return;
    this.#changes = this.#changes.slice(this.#start);
    this.#start = 0;
  }
}

function weight(key: string, slot: Slot | undefined): number {
  return key.length + (slot?.value.length ?? 0);
}
