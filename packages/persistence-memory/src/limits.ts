import { type Health, StoreError, type WriteOp } from "@orbit/persistence/driver";

import { memoryCapabilities } from "./capabilities.ts";
import type { MemoryOptions } from "./options.ts";
import type { Slot, Table } from "./table.ts";

/** From this share of a limit on, health is degraded. */
const NEARLY = 0.9;

/** Throws `TOO_LARGE` for a key or value over the limits of the driver: a backup could not hold it. */
export function checkSizes(key: string, value: Uint8Array): void {
  const { maxKeyBytes, maxValueBytes } = memoryCapabilities.limits;
  // A UTF-16 unit takes at most three bytes, so that most keys need no exact count.
  if (key.length * 3 > maxKeyBytes && Buffer.byteLength(key) > maxKeyBytes) {
    throw new StoreError("TOO_LARGE", `key: ${Buffer.byteLength(key)} bytes, the limit is ${maxKeyBytes}`);
  }
  if (value.length > maxValueBytes) {
    throw new StoreError("TOO_LARGE", `value: ${value.length} bytes, the limit is ${maxValueBytes}`);
  }
}

/** Throws `FULL` where the writes would add entries or bytes for which there is no room. What frees room always may. */
export function checkRoom(table: Table, options: MemoryOptions, ops: readonly WriteOp[]): void {
  let entries = 0;
  let bytes = 0;
  for (const op of ops) {
    const slot = table.get(op.key);
    if (op.type === "put") {
      entries += slot === undefined ? 1 : 0;
      bytes += growth(op.key, slot, op.value);
    } else if (slot !== undefined) {
      entries -= 1;
      bytes -= slot.value.length + Buffer.byteLength(op.key);
    }
  }
  checkGrowth(table, options, entries, bytes);
}

/** {@link checkRoom} of one write over what stands at its key. */
export function checkRoomFor(
  table: Table,
  options: MemoryOptions,
  key: string,
  slot: Slot | undefined,
  value: Uint8Array,
): void {
  checkGrowth(table, options, slot === undefined ? 1 : 0, growth(key, slot, value));
}

function growth(key: string, slot: Slot | undefined, value: Uint8Array): number {
  return value.length - (slot?.value.length ?? -Buffer.byteLength(key));
}

function checkGrowth(table: Table, { maxEntries, memoryLimit }: MemoryOptions, entries: number, bytes: number): void {
  if (entries > 0 && table.size + entries > maxEntries) {
    const reason = `${table.size} entries are held, and max_entries is ${maxEntries}: delete some or raise the limit`;
    throw new StoreError("FULL", `${reason}. Nothing was evicted`);
  }
  if (memoryLimit !== undefined && bytes > 0 && table.bytes + bytes > memoryLimit) {
    const reason = `${table.bytes} bytes are held, ${bytes} more are over the memory_limit of ${memoryLimit}`;
    throw new StoreError("FULL", `${reason}: delete some or raise the limit. Nothing was evicted`);
  }
}

/** Tells how much room is left. */
export function roomHealth(
  { size, bytes }: Table,
  { maxEntries, memoryLimit }: MemoryOptions,
): { readonly cause: string | undefined; readonly details: NonNullable<Health["details"]> } {
  const causes: string[] = [];
  if (size >= maxEntries * NEARLY) causes.push(`${size} of ${maxEntries} entries are in use`);
  if (memoryLimit !== undefined && bytes >= memoryLimit * NEARLY) {
    causes.push(`${bytes} of ${memoryLimit} bytes are in use`);
  }
  return {
    cause: causes.length === 0 ? undefined : causes.join("; "),
    details: { entries: size, maxEntries, bytes, ...(memoryLimit !== undefined && { memoryLimit }) },
  };
}
