import {
  type AddressableReference,
  guarded,
  type GuardedData,
  int32Key,
  type Lease,
  type Store,
  StoreError,
} from "../../src/index.ts";
import { type Ghost, idsOf } from "./ghost.ts";
import type { Machine } from "./world.ts";

/**
 * Works on the guarded data of one lease, and tells the ghost what it saw. A record is a list of the ids of all writes to
 * it: a lost, doubled or late write shows in what the list holds. It never looks at the belief: the guard must hold for
 * a process that does not know yet.
 */
export class Ledger {
  readonly lease: Lease;
  readonly #ghost: Ghost;
  readonly #machine: Machine;
  readonly #data: GuardedData;

  constructor(ghost: Ghost, machine: Machine, store: Store, lease: Lease) {
    this.#ghost = ghost;
    this.#machine = machine;
    this.lease = lease;
    this.#data = guarded(store, lease);
  }

  async read(record: string): Promise<readonly string[]> {
    const key = this.#keyOf(record);
    const due = this.#ghost.due(key);
    const value = await this.#data.get(record);
    const ids = idsOf({ body: value ?? new Uint8Array(0), tombstone: false });
    this.#ghost.touched(key, leaseKey(this.lease.reference), this.lease.grant, ids, due);
    return ids;
  }

  /** Adds an id to what was read. */
  async append(record: string, ids: readonly string[]): Promise<void> {
    const key = this.#keyOf(record);
    const id = this.#ghost.nextWrite(this.#machine);
    try {
      await this.#data.put(record, Buffer.from([...ids, id].join(",")));
      this.#ghost.acknowledge(key, leaseKey(this.lease.reference), id);
    } catch (error) {
      if (StoreError.is(error) && error.outcome === "none") this.#ghost.refuse(key, id);
      throw error;
    }
  }

  delete(record: string): Promise<void> {
    return this.#data.delete(record);
  }

  #keyOf(record: string): string {
    return `${leaseKey(this.lease.reference).replace("-lease-", "-state-")}-${record}`;
  }
}

export function reference(number: number): AddressableReference {
  return { type: "t", key: int32Key(number) };
}

/** The driver key of a lease record, as the codec of keys makes it. */
export function leaseKey({ key }: AddressableReference): string {
  const value = key.kind === "int32" ? key.value : 0;
  return `orbit-lease-default-t-i${(value + 2 ** 31).toString(16)}`;
}
