import { StoreError } from "../contract/error.ts";
import type { StoredRecord } from "../store/records.ts";
import { ByteReader, ByteWriter } from "./bytes.ts";

/** Who holds an addressable. The fence and the grant stand in the envelope. */
export interface LeaseRecord {
  readonly node: string;
  readonly epoch: string;
  readonly ttlMs: number | undefined;
}

const FORMAT = 1;

/** What was encoded last: a node that acquires many addressables writes the same bytes for each. */
let encoded: { readonly record: LeaseRecord; readonly bytes: Uint8Array } | undefined;

/** Writes a lease record. The bytes are shared, and not to be changed. */
export function encodeLease(record: LeaseRecord): Uint8Array {
  const { node, epoch, ttlMs } = record;
  const last = encoded?.record;
  if (encoded !== undefined && last?.node === node && last.epoch === epoch && last.ttlMs === ttlMs)
    return encoded.bytes;
  const bytes = new ByteWriter()
    .integer(FORMAT)
    .text(node)
    .id(epoch)
    .integer(ttlMs ?? 0)
    .finish();
  encoded = { record: { node, epoch, ttlMs }, bytes };
  return bytes;
}

/** The bodies read last. All leases of a node have the same one: it need not be taken apart for each. */
const decoded = new Map<string, LeaseRecord>();
const MAX_DECODED = 1024;

function decodeLease(bytes: Uint8Array): LeaseRecord {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
  const known = decoded.get(text);
  if (known !== undefined) return known;
  const record = readLease(bytes);
  if (decoded.size >= MAX_DECODED) decoded.clear();
  decoded.set(text, record);
  return record;
}

function readLease(bytes: Uint8Array): LeaseRecord {
  const reader = new ByteReader(bytes);
  if (reader.integer() !== FORMAT) throw new StoreError("CORRUPT", "stored lease record: unknown format");
  const node = reader.text();
  const epoch = reader.id();
  const ttlMs = reader.integer();
  return { node, epoch, ttlMs: ttlMs === 0 ? undefined : ttlMs };
}

/** Who holds a stored lease record; `undefined` when it is free. */
export function heldBy(record: StoredRecord): LeaseRecord | undefined {
  return record.envelope.tombstone ? undefined : decodeLease(record.envelope.body);
}
