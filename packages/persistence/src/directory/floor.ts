import { crc32 } from "node:zlib";

import type { CallOptions } from "../contract/driver.ts";
import { partitionOf } from "../keys/partition.ts";
import type { Keyspace } from "../store/keyspace.ts";
import { type Prior, priorOf, type Records, type StoredRecord } from "../store/records.ts";

/** Part of the stored format: a key's shard must not change. */
const SHARDS = 16;

/** A floor as it was last seen. */
export interface Floor {
  readonly key: string;
  readonly fence: bigint;
  /** The state in which it was seen, as a condition of a commit. */
  readonly when: "absent" | Prior;
}

/**
 * The fence floors: no grant's fence may be at or below its shard's floor. A sweep raises the floor to the fences of
 * the tombstones that it is about to delete, so that a key created anew never starts below its own past. Where the
 * store is partitioned, the leases of a partition share a floor that lies beside them.
 */
export class Floors {
  readonly #records: Records;
  readonly #keys: Keyspace;
  readonly #namespace: string;
  readonly #shardKeys: ReturnType<Keyspace["encode"]>[] = [];
  readonly #seen: Floor[] = [];

  constructor(records: Records, keys: Keyspace, namespace: string) {
    this.#records = records;
    this.#keys = keys;
    this.#namespace = namespace;
  }

  /** The shard of a lease key. */
  shardOf(leaseKey: string): number {
    const { partitions } = this.#records.capabilities;
    return partitions === 1 ? crc32(leaseKey) % SHARDS : partitionOf(leaseKey, partitions);
  }

  /** Reads a floor. To be called AFTER the lease record was read, see docs/lease-protocol.md rule 1. */
  async read(shard: number, options: CallOptions | undefined): Promise<bigint> {
    const record = await this.#records.get(this.#key(shard).key, options);
    return record?.envelope.fence ?? 0n;
  }

  /** The floor as last learnt, or as it starts: true only for a commit that checks it. */
  presumed(shard: number): Floor {
    return (this.#seen[shard] ??= { key: this.#key(shard).key, fence: 0n, when: "absent" });
  }

  /** Takes over what a commit met in the place of a presumed floor. */
  learn(shard: number, current: StoredRecord | undefined): void {
    const when = current === undefined ? "absent" : priorOf(current);
    this.#seen[shard] = { key: this.#key(shard).key, fence: current?.envelope.fence ?? 0n, when };
  }

  /** Raises a floor to at least `fence`. */
  async raise(shard: number, fence: bigint, options: CallOptions | undefined): Promise<void> {
    const { key, original } = this.#key(shard);
    let record = await this.#records.get(key, options);
    for (;;) {
      if ((record?.envelope.fence ?? 0n) >= fence) return;
      const when = record === undefined ? "absent" : priorOf(record);
      const floor = { body: EMPTY, fence, key: original };
      // A floor is never deleted, so that even its creation can be sent again.
      const written = await this.#records.put(key, floor, when, { ...options, neverDeleted: true });
      if (written.ok) return;
      record = written.current;
    }
  }

  #key(shard: number): ReturnType<Keyspace["encode"]> {
    return (this.#shardKeys[shard] ??= this.#keys.encode(shard.toString(16), this.#namespace));
  }
}

const EMPTY = new Uint8Array(0);
