import type { CallOptions } from "./driver.ts";

/**
 * Data of an addressable that only its lease holder can write. Once a newer grant has read or written a record, no
 * older grant's write of it is accepted, whatever the clocks do. Every method throws `LEASE_LOST` when superseded.
 */
export interface GuardedData {
  /** Reads a record; `undefined` when it is absent or deleted. */
  get(key: string, options?: CallOptions): Promise<Uint8Array | undefined>;
  /** Replaces a record. `outcome: "unknown"` on the error means that it may have been applied. */
  put(key: string, value: Uint8Array, options?: CallOptions): Promise<void>;
  delete(key: string, options?: CallOptions): Promise<void>;
}
