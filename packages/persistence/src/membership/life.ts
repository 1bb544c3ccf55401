import type { NodeDescription } from "../contract/membership.ts";
import { decodeNode, type NodeRecord } from "../records/node-record.ts";
import type { StoredRecord } from "../store/records.ts";

const DEFAULT_TTL_MS = 10_000;

/** The record of a fresh life. */
export function describeNode(node: NodeDescription, epoch: string): NodeRecord {
  return {
    epoch,
    url: node.url,
    addressableTypes: node.addressableTypes ?? [],
    metadata: node.metadata ?? {},
    status: node.status ?? "active",
    ttlMs: node.ttlMs ?? DEFAULT_TTL_MS,
  };
}

/** Whether a record is that life and not ended; an absent record or another epoch means dead, for ever. */
export function isLife(record: StoredRecord | undefined, epoch: string): record is StoredRecord {
  if (record === undefined) return false;
  const node = decodeNode(record.envelope.body);
  return node.epoch === epoch && node.status !== "stopped";
}
