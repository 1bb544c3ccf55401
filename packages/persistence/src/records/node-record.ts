import { StoreError } from "../contract/error.ts";
import type { NodeInfo, NodeStatus } from "../contract/membership.ts";
import { ByteReader, ByteWriter } from "./bytes.ts";

/** What a node record says, without the names that its key tells. */
export type NodeRecord = Omit<NodeInfo, "id" | "nodeId">;

const FORMAT = 1;
const STATUSES: readonly NodeStatus[] = ["stopped", "starting", "active", "draining"];

export function encodeNode(record: NodeRecord): Uint8Array {
  const writer = new ByteWriter();
  writer.integer(FORMAT).integer(STATUSES.indexOf(record.status)).id(record.epoch).integer(record.ttlMs);
  writer.list(record.url === undefined ? [] : [record.url], (url) => writer.text(url));
  writer.list(record.addressableTypes, (type) => writer.text(type));
  writer.list(Object.entries(record.metadata), ([name, value]) => writer.text(name).text(value));
  return writer.finish();
}

export function decodeNode(bytes: Uint8Array): NodeRecord {
  const reader = new ByteReader(bytes);
  if (reader.integer() !== FORMAT) throw new StoreError("CORRUPT", "stored node record: unknown format");
  const status = STATUSES[reader.integer()];
  if (status === undefined) throw new StoreError("CORRUPT", "stored node record: unknown status");
  const epoch = reader.id();
  const ttlMs = reader.integer();
  const [url] = reader.list(() => reader.text());
  const addressableTypes = reader.list(() => reader.text());
  const metadata = Object.fromEntries(reader.list(() => [reader.text(), reader.text()]));
  return { status, epoch, ttlMs, url, addressableTypes, metadata };
}
