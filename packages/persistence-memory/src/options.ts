import {
  bytes,
  defineOptions,
  group,
  integer,
  oneOf,
  type OptionsSchema,
  path,
  seconds,
} from "@orbit/persistence/driver";

import { COMPRESSIONS, type Compression } from "./backup/codecs.ts";

export interface MemoryOptions {
  /** How many entries it takes; a new key beyond it is refused with `FULL`, and nothing is evicted. */
  readonly maxEntries: number;
  /** How many bytes keys and values may take together; a write beyond it is refused with `FULL`. No limit by default. */
  readonly memoryLimit?: number | undefined;
  /** Writes the entries to disk at an interval and on close, and restores them at open. Off by default. */
  readonly diskBackup?: DiskBackupOptions | undefined;
}

export interface DiskBackupOptions {
  /** The backup file; its directory must exist. Its companions stand beside it under longer names. */
  readonly path: string;
  /** How often it is written where something has changed, in milliseconds. */
  readonly syncIntervalMs?: number;
  readonly compression?: Compression;
}

export const DEFAULT_SYNC_INTERVAL_MS = 300_000;
export const DEFAULT_COMPRESSION: Compression = "None";

export const memoryOptions: OptionsSchema<MemoryOptions> = defineOptions<MemoryOptions>({
  maxEntries: integer({
    key: "max_entries",
    default: 100_000,
    min: 1,
    doc: "How many entries it takes. A new key beyond it is refused with `FULL`; nothing is ever evicted.",
  }),
  memoryLimit: bytes({
    key: "memory_limit",
    min: 1,
    doc: "How many bytes keys and values may take together. A write beyond it is refused with `FULL`.",
  }),
  diskBackup: group<DiskBackupOptions>({
    key: "disk_backup",
    doc: "Writes the entries to disk, and restores them at open.",
    fields: {
      path: path({
        key: "path",
        required: true,
        url: "path",
        doc: "The backup file. Its directory must exist; a lock, fences and the previous backup stand beside it.",
      }),
      syncIntervalMs: seconds({
        key: "sync_interval",
        default: DEFAULT_SYNC_INTERVAL_MS,
        min: 100,
        doc: "How often it is written where something has changed; it is also written on close.",
      }),
      compression: oneOf({
        key: "compression",
        values: COMPRESSIONS,
        default: DEFAULT_COMPRESSION,
        doc: "How it is compressed.",
      }),
    },
  }),
});
