import { randomUUID } from "node:crypto";
import { mkdir, open, readdir, readFile, realpath, rename, rm, unlink } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";

import type { Entry } from "@orbit/persistence/driver";

import { codeOf, toStoreError } from "./errors.ts";
import { takeLock } from "./lock.ts";
import { decodeRecord } from "./record.ts";

interface Opened {
  readonly folder: Promise<Folder>;
  users: number;
  /** Resolves when the last user has left and the directory is free again. */
  closed?: Promise<void>;
}

const everyFolder = new Map<string, Opened>();

/**
 * The records of one directory, for all drivers of this process. Keys are file names as they stand: the core makes them
 * of lower-case letters, digits and marks that every file system takes.
 */
export class Folder {
  readonly #path: string;
  readonly #records: string;
  readonly #drafts: string;
  readonly #unlock: () => Promise<void>;
  /** The keys there are, so that a listing sees each once whatever the file system does to a directory meanwhile. */
  readonly #keys: Set<string>;
  /** The last turn of each key that has one: a read of a condition and its write are one step. */
  readonly #turns = new Map<string, Promise<unknown>>();

  /** Opens a directory, or joins those in this process who have it open. Whoever was given it must leave it. */
  static async enter(given: string): Promise<Folder> {
    const asked = resolve(given);
    await mkdir(asked, { recursive: true, mode: 0o700 });
    const path = await realpath(asked);
    for (let known = everyFolder.get(path); known !== undefined; known = everyFolder.get(path)) {
      if (known.closed === undefined) {
        known.users += 1;
        return known.folder;
      }
      await known.closed;
    }
    const folder = Folder.#open(path);
    everyFolder.set(path, { folder, users: 1 });
    folder.catch(() => everyFolder.delete(path));
    return folder;
  }

  static async #open(path: string): Promise<Folder> {
    const unlock = await takeLock(path);
    try {
      const [records, drafts] = [join(path, "records"), join(path, "drafts")];
      // What a killed process was writing was never acknowledged.
      await rm(drafts, { recursive: true, force: true });
      await mkdir(drafts);
      await mkdir(records, { recursive: true });
      await syncDirectory(path);
      await syncDirectory(dirname(path));
      return new Folder(path, records, drafts, unlock, new Set(await readdir(records)));
    } catch (error) {
      await unlock();
      throw error;
    }
  }

  private constructor(path: string, records: string, drafts: string, unlock: () => Promise<void>, keys: Set<string>) {
    this.#path = path;
    this.#records = records;
    this.#drafts = drafts;
    this.#unlock = unlock;
    this.#keys = keys;
  }

  async leave(): Promise<void> {
    const opened = everyFolder.get(this.#path);
    if (opened === undefined) return;
    opened.users -= 1;
    if (opened.users === 0) opened.closed = this.#close();
    await opened.closed;
  }

  async #close(): Promise<void> {
    try {
      await Promise.allSettled(this.#turns.values());
      await this.#unlock();
    } finally {
      everyFolder.delete(this.#path);
    }
  }

  /** Runs `work` after everything else that was asked of the key. */
  turn<T>(key: string, work: () => Promise<T>): Promise<T> {
    const run = (this.#turns.get(key) ?? Promise.resolve()).then(work, work);
    const over = run.then(
      () => undefined,
      () => undefined,
    );
    this.#turns.set(key, over);
    void over.then(() => {
      if (this.#turns.get(key) === over) this.#turns.delete(key);
    });
    return run;
  }

  keys(): string[] {
    return [...this.#keys].sort();
  }

  /** Reads a record, within the key's turn. */
  async read(key: string): Promise<Entry | undefined> {
    try {
      return decodeRecord(key, await readFile(join(this.#records, key)));
    } catch (cause) {
      if (codeOf(cause) === "ENOENT") return undefined;
      throw cause;
    }
  }

  /** Writes a record, within the key's turn. It is on the disk when the promise resolves. */
  async write(key: string, bytes: Uint8Array): Promise<void> {
    const draft = join(this.#drafts, randomUUID());
    try {
      await writeSynced(draft, bytes);
    } catch (cause) {
      // On a full disk the first part of it takes room.
      await rm(draft, { force: true });
      throw cause;
    }
    this.#keys.add(key);
    await settled(rename(draft, join(this.#records, key)));
    await settled(syncDirectory(this.#records));
  }

  /** Removes a record, within the key's turn. It is gone from the disk when the promise resolves. */
  async remove(key: string): Promise<void> {
    await settled(rm(join(this.#records, key), { force: true }));
    this.#keys.delete(key);
    await settled(syncDirectory(this.#records));
  }

  /** Writes and removes a file, as a record would be. */
  async tryOut(): Promise<void> {
    const draft = join(this.#drafts, randomUUID());
    await writeSynced(draft, new Uint8Array(1));
    await unlink(draft);
  }
}

/** From the rename on nobody can say what a failure leaves behind. */
async function settled(step: Promise<void>): Promise<void> {
  try {
    await step;
  } catch (cause) {
    throw toStoreError(cause, "unknown");
  }
}

async function writeSynced(path: string, bytes: Uint8Array): Promise<void> {
  await using file = await open(path, "wx", 0o600);
  await file.writeFile(bytes);
  await file.sync();
}

async function syncDirectory(path: string): Promise<void> {
  await using directory = await open(path, "r");
  await directory.sync();
}
