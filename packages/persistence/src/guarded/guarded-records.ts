import type { CallOptions } from "../contract/driver.ts";

export interface GuardedKey {
  readonly key: string;
  /** The text to keep in the envelope where the driver key is a hash. */
  readonly original: string | undefined;
}

export interface GuardedBody {
  readonly body: Uint8Array;
  readonly tombstone: boolean;
}

/** One way to guard records by a lease. */
export interface GuardedRecords {
  read(key: GuardedKey, options: CallOptions): Promise<Uint8Array | undefined>;
  write(key: GuardedKey, body: GuardedBody, options: CallOptions): Promise<void>;
}
