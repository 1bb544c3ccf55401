import { type Check, type Entry, type Random, StoreError, type Version, type WriteOp } from "@orbit/persistence/driver";

import type { Argument } from "./client.ts";
import { VERSION_BYTES } from "./scripts.ts";

const COUNTER_DIGITS = 6;
const COUNTER_END = 36 ** COUNTER_DIGITS;

/**
 * Makes versions: 60 random bits drawn for the driver, and a count. So no two writes share one, whatever a server
 * forgets over a restart or a failover.
 */
export function versionSource(random: Random): () => Version {
  let [origin, count] = ["", COUNTER_END];
  return () => {
    if (count >= COUNTER_END) {
      const bytes = Buffer.from(random.fill(new Uint8Array(8)));
      origin = bytes.toString("base64url").slice(0, VERSION_BYTES - COUNTER_DIGITS);
      count = 0;
    }
    return (origin + (count++).toString(36).padStart(COUNTER_DIGITS, "0")) as Version;
  };
}

/** The bytes as they are stored: the version, then the value. */
function encodeValue(version: Version, value: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(VERSION_BYTES + value.length);
  bytes.write(version, 0, VERSION_BYTES, "latin1");
  bytes.set(value, VERSION_BYTES);
  return bytes;
}

export function toEntry(key: string, stored: unknown): Entry | undefined {
  if (stored === null || stored === undefined) return undefined;
  if (!Buffer.isBuffer(stored) || stored.length < VERSION_BYTES) {
    throw new StoreError("CORRUPT", "the stored bytes are not Orbit's: choose another prefix", { key });
  }
  return { key, version: versionOf(stored), value: stored.subarray(VERSION_BYTES) };
}

export function versionOf(stored: Buffer): Version {
  return stored.toString("latin1", 0, VERSION_BYTES) as Version;
}

/** The arguments of one operation, as the script takes them. */
export function checkArguments({ when }: Check): Argument[] {
  return [`c${condition(when)}`];
}

export function opArguments(
  op: WriteOp,
  version: () => Version,
): { readonly args: Argument[]; readonly version: Version | undefined } {
  if (op.type === "delete") return { args: [`d${condition(op.when)}`], version: undefined };
  const made = version();
  const ttl = op.ttlMs === undefined ? "" : String(Math.ceil(op.ttlMs));
  return { args: [`p${condition(op.when)}`, encodeValue(made, op.value), ttl], version: made };
}

function condition(when: WriteOp["when"] | Check["when"]): string {
  if (when === "always") return "*";
  return when === "absent" ? "-" : `=${when.version}`;
}
