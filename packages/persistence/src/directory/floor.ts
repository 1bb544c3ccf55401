import { crc32 } from "node:zlib";

import type { CallOptions } from "../contract/driver.ts";
import type { Keyspace } from "../store/keyspace.ts";
import type { Records } from "../store/records.ts";

/** Part of the stored format: a key's shard must not change. */
const SHARDS = 16;

/**
 * The fence floors: no grant's fence may be at or below its shard's floor. A sweep raises the floor to the fences of
 * the tombstones that it is about to delete, so that a key created anew never starts below its own past.
 */
export class Floors {
  readonly #records: Records;
  readonly #keys: Keyspace;
  readonly #namespace: string;
  readonly #shardKeys: ReturnType<Keyspace["encode"]>[] = [];

  constructor(records: Records, keys: Keyspace, namespace: string) {
    this.#records = records;
    this.#keys = keys;
    this.#namespace = namespace;
  }

  /** The shard of a lease key. */
  shardOf(leaseKey: string): number {
    return crc32(leaseKey) % SHARDS;
  }

  /** Reads a floor. To be called AFTER the lease record was read, see docs/lease-protocol.md rule 1. */
  async read(shard: number, options: CallOptions | undefined): Promise<bigint> {
    const record = await this.#records.get(this.#key(shard).key, options);
    return record?.envelope.fence ?? 0n;
  }

  /** Raises a floor to at least `fence`. */
  async raise(shard: number, fence: bigint, options: CallOptions | undefined): Promise<void> {
    const { key, original } = this.#key(shard);
    for (;;) {
      const record = await this.#records.get(key, options);
      if ((record?.envelope.fence ?? 0n) >= fence) return;
      const when = record === undefined ? "absent" : { version: record.version, nonce: record.envelope.nonce };
      const floor = { body: EMPTY, fence, key: original };
      // A floor is never deleted, so that even its creation can be sent again.
      const written = await this.#records.put(key, floor, when, { ...options, neverDeleted: true });
      if (written.ok) return;
    }
  }

  #key(shard: number): ReturnType<Keyspace["encode"]> {
    return (this.#shardKeys[shard] ??= this.#keys.encode(this.#namespace, shard.toString(16)));
  }
}

const EMPTY = new Uint8Array(0);
