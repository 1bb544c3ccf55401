import { StoreError } from "../contract/error.ts";
import type { NodeDescription, NodeLease } from "../contract/membership.ts";

/** The shortest ttl that leaves room for a renewal at a third of it. */
const MIN_TTL_MS = 30;
const MAX_TTL_MS = 24 * 60 * 60 * 1000;

export function checkNode(node: NodeDescription): void {
  checkId(node.id);
  checkTtl(node.ttlMs);
  const texts = [node.url ?? "", ...(node.addressableTypes ?? []), ...Object.entries(node.metadata ?? {}).flat()];
  if (!texts.every((text) => typeof text === "string" && text.isWellFormed())) {
    throw invalid("node: expected url, addressableTypes and metadata to be well-formed strings");
  }
}

export function checkLease(lease: NodeLease): void {
  checkId(lease.id);
  checkHexId("epoch", lease.epoch);
}

export function checkHexId(name: string, value: unknown): void {
  if (typeof value !== "string" || !/^[0-9a-f]{32}$/.test(value)) {
    throw invalid(`${name}: expected 32 hexadecimal digits, as given out by this store`);
  }
}

export function checkTtl(ttlMs: number | undefined): void {
  if (ttlMs === undefined || (Number.isInteger(ttlMs) && ttlMs >= MIN_TTL_MS && ttlMs <= MAX_TTL_MS)) return;
  throw invalid(`ttlMs: expected whole milliseconds from ${MIN_TTL_MS} to ${MAX_TTL_MS}, found ${String(ttlMs)}`);
}

function checkId(id: unknown): void {
  if (typeof id !== "string" || id === "" || !id.isWellFormed()) {
    throw invalid("node id: expected a non-empty well-formed string");
  }
}

function invalid(reason: string): StoreError {
  return new StoreError("INVALID_ARGUMENT", reason);
}
