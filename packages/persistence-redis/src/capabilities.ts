import { type Capabilities, StoreError, type WriteOp } from "@orbit/persistence/driver";

import type { Strength } from "./server.ts";

const MAX_KEY_BYTES = 1024;
const MAX_VALUE_BYTES = 4 * 2 ** 20;
export const MAX_COMMIT_OPS = 1024;

/** What Redis promises: the strength of the servers found, and what is the same on all. */
export function capabilitiesOf(strength: Strength, buckets: number): Capabilities {
  return {
    ...strength,
    scope: "cluster",
    clock: "server-ttl",
    commit: "serializable",
    partitions: buckets,
    watch: "resumable",
    conditionalDelete: true,
    getMany: true,
    write: true,
    session: false,
    fences: false,
    limits: {
      maxKeyBytes: MAX_KEY_BYTES,
      maxValueBytes: MAX_VALUE_BYTES,
      maxCommitOps: MAX_COMMIT_OPS,
      ttlGranularityMs: 1,
      clockSkewMs: 0,
    },
  };
}

/** Returns the error of an operation that is over a limit. */
export function checkSize(op: WriteOp): StoreError | undefined {
  if (op.key.length > MAX_KEY_BYTES) {
    return new StoreError("TOO_LARGE", `key: ${op.key.length} bytes, the limit is ${MAX_KEY_BYTES}`, { key: op.key });
  }
  if (op.type === "delete" || op.value.length <= MAX_VALUE_BYTES) return undefined;
  return new StoreError("TOO_LARGE", `value: ${op.value.length} bytes, the limit is ${MAX_VALUE_BYTES}`, {
    key: op.key,
  });
}
