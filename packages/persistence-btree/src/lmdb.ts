import { StoreError } from "@orbit/persistence/driver";

import { toStoreError } from "./errors.ts";

/** What the driver uses of `lmdb`. Reads and writes are synchronous; writes work only inside `transaction`. */
export interface LmdbTable<Value> {
  get(key: string): Value | undefined;
  put(key: string, value: Uint8Array): unknown;
  remove(key: string): unknown;
  getRange(range: { start: string; exclusiveStart: boolean; limit?: number }): Iterable<{ key: string; value: Value }>;
  getStats(): LmdbStats;
}

export interface LmdbRoot extends LmdbTable<Uint8Array> {
  openDB<Value>(options: LmdbTableOptions<Value>): LmdbTable<Value>;
  /** Runs `work` in a write transaction and resolves once it is committed and flushed. It commits what was written before a throw. */
  transaction<T>(work: () => T): Promise<T>;
  /** Lets the next read see the latest commit, also one of another thread. */
  resetReadTxn(): void;
  /** Clears the reader slots of processes that are gone. */
  readerCheck(): number;
  readerList(): string;
  /** Memory that all threads with this environment share. */
  getUserSharedBuffer(name: string, initial: ArrayBuffer): ArrayBuffer;
  close(): Promise<void>;
}

export interface LmdbStats {
  readonly entryCount: number;
}

interface LmdbTableOptions<Value> {
  readonly name: string;
  readonly encoder: { encode(value: Uint8Array): Uint8Array; decode(bytes: Uint8Array): Value };
}

/** Keys are UTF-8, so that LMDB's own order is the byte order of keys. */
const keyEncoder = {
  writeKey: (key: string, target: Buffer, start: number): number => start + target.write(key, start, "utf8"),
  readKey: (source: Buffer, start: number, end: number): string => source.toString("utf8", start, end),
};

interface OpenOptions {
  readonly mapSize?: number;
  readonly readOnly?: boolean;
}

export type OpenLmdb = (path: string, options: OpenOptions) => LmdbRoot;

/**
 * Loads the native module. Only opening a store needs it: its options can be read on a platform without it.
 *
 * @throws StoreError `UNSUPPORTED` where no binary fits the platform.
 */
export async function loadLmdb(): Promise<OpenLmdb> {
  let open: (options: object) => unknown;
  try {
    ({ open } = await import("lmdb"));
  } catch (cause) {
    const mend = "install @orbit/persistence-btree anew with optional dependencies and install scripts allowed";
    throw new StoreError("UNSUPPORTED", `lmdb has no binary for ${process.platform}-${process.arch}: ${mend}`, {
      cause,
    });
  }
  return (path, options) => {
    try {
      const root = open({
        ...options,
        path,
        // A directory also where its name has a dot.
        noSubdir: false,
        // A commit is flushed before anybody sees it, so that nothing that was read can be lost.
        overlappingSync: false,
        // Starts a transaction at once; what arrives meanwhile joins it (see Environment).
        eventTurnBatching: false,
        maxDbs: 2,
        permissionsMode: 0o600,
        encoding: "binary",
        keyEncoder,
      });
      return withKeys(root as LmdbRoot);
    } catch (cause) {
      throw toStoreError(cause);
    }
  };
}

/** Gives every table the encoding of keys; `lmdb` does not hand it down. */
function withKeys(root: LmdbRoot): LmdbRoot {
  const openDB = root.openDB.bind(root);
  root.openDB = (options) => openDB({ ...options, keyEncoder } as typeof options);
  return root;
}
