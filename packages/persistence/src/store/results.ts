import type { CallOptions } from "../contract/driver.ts";
import type { Change, Conflict, Delete, Entry, Put, Range, Resync } from "../contract/entry.ts";
import { StoreError } from "../contract/error.ts";
import type { BulkResult } from "./bulk.ts";
import type { Keyspace } from "./keyspace.ts";
import type { RecordConflict, Records, StoredRecord } from "./records.ts";
import { toVersion, versionText } from "./versions.ts";

/** Stands for "unknown" in versions of entries that were listed without their values. */
const NO_NONCE = new Uint8Array(16);
const EMPTY = new Uint8Array(0);

/** The entry of a record under the caller's key; a tombstone is none. */
export function toEntry(key: string, record: StoredRecord | undefined): Entry | undefined {
  if (record === undefined || record.envelope.tombstone) return undefined;
  const version = versionText(record.version, record.envelope.nonceText);
  const value = record.envelope.body;
  return record.ageMs === undefined ? { key, value, version } : { key, value, version, ageMs: record.ageMs };
}

export function toConflict(key: string, conflict: RecordConflict): Conflict {
  return { ok: false, current: toEntry(key, conflict.current) };
}

export function toDelete(key: string, result: { ok: true } | RecordConflict): Delete {
  return result.ok ? result : toConflict(key, result);
}

export function toBulkResult(key: string, result: BulkResult | undefined): Put | Delete | StoreError {
  if (result === undefined) return new StoreError("INTERNAL", "the driver left out an answer", { key });
  if (StoreError.is(result)) return result;
  if (!result.ok) return toConflict(key, result);
  return "prior" in result ? { ok: true, version: toVersion(result.prior) } : result;
}

/** The entry of a listed one, read where its value was left out; `undefined` beside a cut prefix and for tombstones. */
export async function toScanned(
  entry: Entry,
  range: Range,
  from: { readonly records: Records; readonly keys: Keyspace; readonly tombstones: boolean },
  options: CallOptions | undefined,
): Promise<Entry | undefined> {
  const { records, keys, tombstones } = from;
  if (range.keysOnly === true && !tombstones && !keys.isHashed(entry.key)) {
    const [key = ""] = keys.decodeText(keys.strip(entry.key));
    if (!key.startsWith(range.prefix)) return undefined;
    return { key, value: EMPTY, version: toVersion({ version: entry.version, nonce: NO_NONCE }) };
  }
  const record = entry.value.length === 0 ? await records.get(entry.key, options) : records.read(entry, "scan");
  if (record === undefined) return undefined;
  const [key = ""] = keys.decode(record);
  return key.startsWith(range.prefix) ? toEntry(key, record) : undefined;
}

export function toChange(change: Change, records: Records, keys: Keyspace): Change | Resync {
  const { cursor } = change;
  if (change.type === "delete") {
    // Only the record told the full key of a hashed one, and it is gone.
    if (keys.isHashed(change.key)) return { type: "resync", cursor };
    return { type: "delete", key: keys.decodeText(keys.strip(change.key))[0] ?? "", cursor };
  }
  const record = records.read(change.entry, "watch");
  const [key = ""] = keys.decode(record);
  const entry = toEntry(key, record);
  return entry === undefined ? { type: "delete", key, cursor } : { type: "put", entry, cursor };
}

/** Names the caller's key in an error that names the driver's. */
export function about(key: string, error: unknown): StoreError {
  const { code, reason, retryable, outcome, provider, operation, cause } = StoreError.from(error, {});
  return new StoreError(code, reason, { retryable, outcome, provider, operation, key, cause });
}
