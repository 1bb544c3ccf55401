/** A place in the queue of what ends by itself. `due` may lie before the true end, which was put off since. */
export interface Item<Target> {
  due: number;
  /** It is not in the queue any more, or must not come up. */
  dead: boolean;
  readonly target: Target;
}

const MIN_COMPACTED = 1024;

/**
 * A heap of what ends by itself, soonest first. An end that is put off stays where it is, and is queued again when its
 * old place comes up: a renewal costs nothing here.
 */
export class Expiry<Target> {
  #heap: Item<Target>[] = [];
  #dead = 0;

  /** The soonest place in the queue; nothing ends before it. */
  get next(): number | undefined {
    return this.#heap[0]?.due;
  }

  add(target: Target, due: number): Item<Target> {
    const item = { due, dead: false, target };
    this.#push(item);
    return item;
  }

  /** Queues again what {@link take} returned, for a later end. */
  putOff(item: Item<Target>, due: number): void {
    item.due = due;
    item.dead = false;
    this.#push(item);
  }

  /** Gives a place up. Its memory is freed when most of the queue is dead. */
  drop(item: Item<Target>): void {
    if (item.dead) return;
    item.dead = true;
    this.#dead += 1;
    if (this.#dead < MIN_COMPACTED || this.#dead * 2 < this.#heap.length) return;
    this.#heap = this.#heap.filter((kept) => !kept.dead).sort((a, b) => a.due - b.due);
    this.#dead = 0;
  }

  /** Takes the soonest item out if its place is at or before `now`. */
  take(now: number): Item<Target> | undefined {
    for (let first = this.#heap[0]; first !== undefined && first.due <= now; first = this.#heap[0]) {
      this.#pop();
      if (!first.dead) {
        first.dead = true;
        return first;
      }
      this.#dead -= 1;
    }
    return undefined;
  }

  clear(): void {
    this.#heap = [];
    this.#dead = 0;
  }

  #push(item: Item<Target>): void {
    const heap = this.#heap;
    let at = heap.push(item) - 1;
    while (at > 0) {
      const above = (at - 1) >>> 1;
      const parent = heap[above];
      if (parent === undefined || parent.due <= item.due) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = item;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let below = at * 2 + 1;
      const [left, right] = [heap[below], heap[below + 1]];
      if (left === undefined) break;
      if (right !== undefined && right.due < left.due) below += 1;
      const child = heap[below];
      if (child === undefined || child.due >= last.due) break;
      heap[at] = child;
      at = below;
    }
    heap[at] = last;
  }
}
