import type { Clock, Random } from "../../src/index.ts";
import { seededRandom } from "../../src/testing/index.ts";

interface Event {
  readonly at: number;
  readonly order: number;
  run(): void;
}

/** Simulated time: events in order of time, drawn delays, and one seed that decides everything. */
export class World {
  readonly random: Random;
  readonly trace: string[] = [];
  /** True while messages are lost, delayed and repeated, and processes paused and killed. */
  faulty = true;
  time = 0;
  violation: string | undefined;
  #order = 0;
  readonly #heap: Event[] = [];

  constructor(seed: number) {
    this.random = seededRandom(seed);
  }

  chance(probability: number): boolean {
    return this.random.number() < probability;
  }

  /** A number in [from, to). */
  between(from: number, to: number): number {
    return from + this.random.number() * (to - from);
  }

  pick<T>(items: readonly T[]): T {
    return items[Math.floor(this.random.number() * items.length)] as T;
  }

  log(text: string): void {
    this.trace.push(`${this.time.toFixed(1).padStart(8)} ${text}`);
  }

  violated(text: string): void {
    this.violation ??= text;
    this.log(`!! ${text}`);
  }

  at(time: number, run: () => void): void {
    this.#push({ at: Math.max(time, this.time), order: this.#order++, run });
  }

  /** Runs events until `end`, until `check`, which looks after each, is content, or until an invariant breaks. */
  async run(end: number, check: () => boolean): Promise<void> {
    for (let next = this.#heap[0]; next !== undefined && next.at <= end; next = this.#heap[0]) {
      this.#pop();
      this.time = next.at;
      next.run();
      // All promises that can go on do so before the next event: none waits for anything but events.
      await new Promise<void>((resolve) => setImmediate(resolve));
      if (check() || this.violation !== undefined) return;
    }
    this.time = end;
  }

  #push(event: Event): void {
    const heap = this.#heap;
    heap.push(event);
    for (let at = heap.length - 1; at > 0;) {
      const parent = (at - 1) >> 1;
      if (!before(heap[at], heap[parent])) break;
      [heap[at], heap[parent]] = [heap[parent] as Event, heap[at] as Event];
      at = parent;
    }
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop() as Event;
    if (heap.length === 0) return;
    heap[0] = last;
    for (let at = 0; ;) {
      let least = at;
      for (const child of [2 * at + 1, 2 * at + 2]) if (before(heap[child], heap[least])) least = child;
      if (least === at) break;
      [heap[at], heap[least]] = [heap[least] as Event, heap[at] as Event];
      at = least;
    }
  }
}

function before(a: Event | undefined, b: Event | undefined): boolean {
  if (a === undefined || b === undefined) return false;
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

/** The machine of one process: its clocks drift, step and stand still; it can be paused and killed. */
export class Machine {
  readonly name: string;
  readonly clock: Clock;
  alive = true;
  readonly #world: World;
  readonly #rate: number;
  #suspendedFor = 0;
  #wallOffset: number;
  #pausedUntil = 0;

  constructor(world: World, name: string, rate: number) {
    this.#world = world;
    this.name = name;
    this.#rate = rate;
    this.#wallOffset = world.between(-1e6, 1e6);
    this.clock = {
      now: () => this.#now(),
      wall: () => world.time * this.#rate + this.#wallOffset,
      after: (ms, fn) => this.#after(ms, fn),
    };
  }

  /** Runs `fn` as soon as the process runs; never when it is dead. */
  deliver(fn: () => void): void {
    if (!this.alive) return;
    if (this.#world.time >= this.#pausedUntil) fn();
    else this.#world.at(this.#pausedUntil, () => this.deliver(fn));
  }

  pause(ms: number): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, this.#world.time + ms);
  }

  /** The machine sleeps: its monotonic clock stands still, its wall clock goes on. */
  suspend(ms: number): void {
    this.pause(ms);
    this.#suspendedFor += ms * this.#rate;
  }

  stepWall(ms: number): void {
    this.#wallOffset += ms;
  }

  #now(): number {
    return this.#world.time * this.#rate - this.#suspendedFor;
  }

  #after(ms: number, fn: () => void): () => void {
    const due = this.#now() + Math.max(ms, 0);
    let cancelled = false;
    const arm = (): void => {
      this.#world.at(this.#world.time + Math.max(0, (due - this.#now()) / this.#rate), () =>
        this.deliver(() => {
          if (cancelled) return;
          if (this.#now() < due - 1e-6) arm();
          else fn();
        }),
      );
    };
    arm();
    return () => {
      cancelled = true;
    };
  }
}
