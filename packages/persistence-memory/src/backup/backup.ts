import { channel } from "node:diagnostics_channel";
import { dirname, resolve } from "node:path";

import { type Cancel, StoreError } from "@orbit/persistence/driver";

import type { Data } from "../data.ts";
import { codeOf, toStoreError } from "../errors.ts";
import { DEFAULT_COMPRESSION, DEFAULT_SYNC_INTERVAL_MS, type DiskBackupOptions } from "../options.ts";
import { type Compression, coderOf } from "./codecs.ts";
import { readFences, writeFences } from "./fence-file.ts";
import { type Files, writeFile } from "./files.ts";
import type { Host } from "./host.ts";
import { Lock } from "./lock.ts";
import { readBackup, type Restored } from "./read.ts";
import { writeBackup, type Written } from "./write.ts";

/** Published on the diagnostics channel `orbit.backup`. */
export interface BackupEvent {
  /** `refused`: a file is damaged; `missing`: it is not there, and the previous one is. */
  readonly type: "restored" | "refused" | "missing" | "written" | "failed";
  readonly path: string;
  readonly entries?: number;
  readonly bytes?: number;
  /** Why a file was refused or a backup failed. */
  readonly reason?: string;
}

/** The diagnostics channel `orbit.backup`. */
export const backupChannel: ReturnType<typeof channel> = channel("orbit.backup");

/**
 * Keeps data on disk: locks the path, restores, writes at an interval and on close. The last good backup is always in
 * place under `path` or `path.previous`, whatever fails and wherever the process dies.
 */
export class Backup {
  readonly path: string;
  readonly #data: Data;
  readonly #files: Files;
  readonly #host: Host;
  readonly #intervalMs: number;
  readonly #compression: Compression;
  #lock: Lock | undefined;
  #timer: Cancel | undefined;
  #writing: Promise<void> | undefined;
  /** The count of writes that the last backup holds. */
  #saved = 0;
  #savedAt: number | undefined;
  #failure: StoreError | undefined;
  /** Why the file at `path` is not to be kept as the previous one. */
  #refused: string | undefined;

  constructor(data: Data, files: Files, host: Host, options: DiskBackupOptions) {
    this.path = resolve(options.path);
    this.#data = data;
    this.#files = files;
    this.#host = host;
    this.#intervalMs = options.syncIntervalMs ?? DEFAULT_SYNC_INTERVAL_MS;
    this.#compression = options.compression ?? DEFAULT_COMPRESSION;
  }

  /** Why the backup is not as it should be; `undefined` when all is well. */
  get trouble(): string | undefined {
    if (this.#failure !== undefined) return `the last backup failed: ${this.#failure.reason}`;
    return this.#refused === undefined
      ? undefined
      : `restored from ${this.#previous}, since ${this.path} was refused: ${this.#refused}`;
  }

  /** Facts for health. The age is that of the last backup written by this process. */
  get details(): Readonly<Record<string, string | number>> {
    return {
      backup: this.path,
      ...(this.#savedAt !== undefined && { backupAgeMs: this.#data.clock.now() - this.#savedAt }),
      ...(this.#refused !== undefined && { backupRefused: this.#refused }),
      ...(this.#failure !== undefined && { backupFailure: this.#failure.reason }),
    };
  }

  /** Takes the lock and restores. Throws, with the lock given back and the data empty, where it can't do both. */
  async open(): Promise<void> {
    if (this.#data.backedUp || this.#data.table.size > 0) {
      const found = this.#data.backedUp ? "has a backup already" : "holds entries already: open this driver first";
      throw new StoreError("INVALID_ARGUMENT", `disk_backup: the data that is shared with other drivers ${found}`);
    }
    this.#data.backedUp = true;
    try {
      await this.#checkPath();
      // Where the library for it is missing, that is told now and not at the first backup.
      await coderOf(this.#compression).compress(Buffer.alloc(1));
      this.#lock = await Lock.take(this.#files, `${this.path}.lock`, this.#host, this.#data.random);
      const fences = await readFences(this.#files, this.#fencePath);
      const restored = await this.#restore();
      const last = restored?.meta.fences ?? 0n;
      if (restored !== undefined) this.#data.versions.restore(restored.meta.ranges, restored.meta.lastVersion);
      this.#data.fences.attach(fences > last ? fences : last, (upTo) => this.#reserve(upTo));
      // Of two that took over the lock of a dead process at once, only one still holds it.
      await this.#lock.check();
      // Where the file was not the one at `path`, that one is written anew.
      this.#saved = restored?.path === this.#previous ? -1 : this.#data.table.writes;
      this.#arm();
    } catch (error) {
      this.#data.clear();
      this.#data.backedUp = false;
      await this.#unlock();
      throw toStoreError(error, `opening the backup ${this.path}`);
    }
  }

  /** Writes what has changed and gives the lock back. The data is empty then: its truth is on the disk. */
  async close(): Promise<void> {
    this.#timer?.();
    this.#timer = undefined;
    try {
      await this.#writing;
      await this.#write();
    } catch (error) {
      throw toStoreError(error, `writing the backup ${this.path} on close; the previous one is in place`);
    } finally {
      this.#data.fences.detach();
      this.#data.clear();
      this.#data.backedUp = false;
      await this.#unlock();
    }
  }

  async #checkPath(): Promise<void> {
    await this.#files.kind(dirname(this.path));
    let kind: string;
    try {
      kind = await this.#files.kind(this.path);
    } catch (error) {
      if (codeOf(error) === "ENOENT") return;
      throw error;
    }
    if (kind === "file") return;
    const found = kind === "directory" ? "a directory" : "a device or pipe";
    throw new StoreError("INVALID_CONFIG", `disk_backup: ${this.path} is ${found}: name a regular file`);
  }

  async #restore(): Promise<(Restored & { readonly path: string }) | undefined> {
    const reasons: string[] = [];
    for (const path of [this.path, this.#previous]) {
      try {
        const restored = await readBackup(this.#data, this.#files, path);
        if (restored === undefined) {
          if (path === this.path) continue;
          break;
        }
        if (path !== this.path && this.#refused === undefined) publish({ type: "missing", path: this.path });
        publish({ type: "restored", path, entries: restored.entries });
        return { ...restored, path };
      } catch (error) {
        if (!StoreError.is(error)) throw error;
        if (error.code !== "CORRUPT") throw new StoreError(error.code, `${path}: ${error.reason}`, { cause: error });
        publish({ type: "refused", path, reason: error.reason });
        reasons.push(`${path}: ${error.reason}`);
        if (path === this.path) this.#refused = error.reason;
      }
    }
    if (reasons.length === 0) return undefined;
    const without = reasons.length === 1 ? ", and there is no other" : "";
    const mend = `put a good copy at ${this.path}, or move the files away to start empty`;
    throw new StoreError("CORRUPT", `the backup is damaged${without}: ${reasons.join("; ")}. To go on, ${mend}`);
  }

  #arm(): void {
    this.#timer = this.#data.clock.after(this.#intervalMs, () => {
      this.#writing = this.#write()
        .catch(() => undefined) // Told by health and on the channel; tried again at the next interval.
        .finally(() => {
          this.#writing = undefined;
          if (this.#timer !== undefined) this.#arm();
        });
    });
  }

  async #write(): Promise<void> {
    this.#data.expire();
    const { writes } = this.#data.table;
    if (this.#lock === undefined || writes === this.#saved) return;
    try {
      await this.#lock.check();
      let written: Written | undefined;
      await writeFile(this.#files, `${this.path}.tmp`, async (file) => {
        written = await writeBackup(this.#data, file, this.#compression);
      });
      await this.#lock.check();
      await this.#replace();
      this.#saved = writes;
      this.#savedAt = this.#data.clock.now();
      this.#failure = undefined;
      this.#refused = undefined;
      publish({ type: "written", path: this.path, ...written });
    } catch (error) {
      this.#failure = toStoreError(error, `writing ${this.path}`);
      publish({ type: "failed", path: this.path, reason: this.#failure.reason });
      throw this.#failure;
    }
  }

  /** Puts the finished file in place. The one that was there becomes the previous one, unless it is damaged. */
  async #replace(): Promise<void> {
    try {
      await this.#files.rename(this.path, this.#refused === undefined ? this.#previous : `${this.path}.damaged`);
    } catch (error) {
      // The first backup, or one whose second rename failed.
      if (codeOf(error) !== "ENOENT") throw error;
    }
    await this.#files.rename(`${this.path}.tmp`, this.path);
    await this.#files.syncDirectory(dirname(this.path));
  }

  async #reserve(upTo: bigint): Promise<void> {
    await this.#lock?.check();
    await writeFences(this.#files, this.#fencePath, upTo);
  }

  async #unlock(): Promise<void> {
    const lock = this.#lock;
    this.#lock = undefined;
    await lock?.release();
  }

  get #previous(): string {
    return `${this.path}.previous`;
  }

  get #fencePath(): string {
    return `${this.path}.fences`;
  }
}

function publish(event: BackupEvent): void {
  if (backupChannel.hasSubscribers) backupChannel.publish(event);
}
