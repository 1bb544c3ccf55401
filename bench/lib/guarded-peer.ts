/** A store that reads and overwrites: all that keyv, unstorage and abstract-level have. */
export interface PlainStore {
  get(key: string): Promise<Uint8Array | undefined>;
  set(key: string, value: Uint8Array): Promise<unknown>;
  /** It hands out the very bytes that it holds: a caller that changed them would change the store. */
  readonly handsOutItsOwn?: boolean;
}

export interface PeerEntry {
  readonly value: Uint8Array;
  readonly version: number;
}

const VERSION_BYTES = 8;

/**
 * Writes where the version is still the expected one, over a store without conditional writes: reads, compares and
 * overwrites under a lock of the key. It guards against this process alone, which is the most that such a store can.
 * The first eight bytes of a value are its version.
 */
export class GuardedPeer {
  readonly #store: PlainStore;
  readonly #locks = new Map<string, Promise<unknown>>();

  constructor(store: PlainStore) {
    this.#store = store;
  }

  async get(key: string): Promise<PeerEntry | undefined> {
    const record = await this.#store.get(key);
    if (record === undefined) return undefined;
    const value = record.subarray(VERSION_BYTES);
    return { value: this.#store.handsOutItsOwn === true ? Buffer.from(value) : value, version: versionOf(record) };
  }

  /** Returns the new version; `undefined` where another one stands there. 0 expects an absent key. */
  async put(key: string, value: Uint8Array, expected: number): Promise<number | undefined> {
    const before = this.#locks.get(key);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#locks.set(key, promise);
    if (before !== undefined) await before;
    try {
      const current = await this.#store.get(key);
      if (versionOf(current) !== expected) return undefined;
      const record = Buffer.allocUnsafeSlow(VERSION_BYTES + value.length);
      record.writeDoubleLE(expected + 1, 0);
      record.set(value, VERSION_BYTES);
      await this.#store.set(key, record);
      return expected + 1;
    } finally {
      if (this.#locks.get(key) === promise) this.#locks.delete(key);
      resolve();
    }
  }
}

function versionOf(record: Uint8Array | undefined): number {
  if (record === undefined) return 0;
  return Buffer.from(record.buffer, record.byteOffset, record.byteLength).readDoubleLE(0);
}
