import { constants } from "node:fs";
import * as fs from "node:fs/promises";

/** An open file. Reads and writes may be short. */
export interface OpenFile {
  /** Reads at `position` into all of `target`; returns how many bytes came, 0 at the end. */
  read(target: Uint8Array, position: number): Promise<number>;
  /** Appends; returns how many bytes were taken. */
  write(bytes: Uint8Array): Promise<number>;
  /** Returns when everything written is on the disk. */
  sync(): Promise<void>;
  size(): Promise<number>;
  close(): Promise<void>;
}

/** The part of a file system that backups need; a parameter, so that a test can make it fail. Errors carry a system code. */
export interface Files {
  /** `write` truncates what is there. */
  open(path: string, mode: "read" | "write"): Promise<OpenFile>;
  rename(from: string, to: string): Promise<void>;
  /** Gives a file a second name. Fails with `EEXIST` where that name is taken. */
  link(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
  /** Returns when renames in this directory are on the disk. */
  syncDirectory(path: string): Promise<void>;
  kind(path: string): Promise<"file" | "directory" | "other">;
}

/** The real file system. */
export const nodeFiles: Files = {
  async open(path, mode) {
    const { O_RDONLY, O_WRONLY, O_CREAT, O_TRUNC } = constants;
    // Values may be secret: only this user may read them.
    const handle = await fs.open(path, mode === "read" ? O_RDONLY : O_WRONLY | O_CREAT | O_TRUNC, 0o600);
    return {
      read: async (target, position) => (await handle.read(target, 0, target.length, position)).bytesRead,
      write: async (bytes) => (await handle.write(bytes)).bytesWritten,
      sync: () => handle.sync(),
      size: async () => (await handle.stat()).size,
      close: () => handle.close(),
    };
  },
  rename: (from, to) => fs.rename(from, to),
  link: (from, to) => fs.link(from, to),
  unlink: (path) => fs.unlink(path),
  async syncDirectory(path) {
    // Windows can't open a directory, and makes renames durable by itself.
    if (process.platform === "win32") return;
    const handle = await fs.open(path, "r");
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  },
  async kind(path) {
    const found = await fs.stat(path);
    if (found.isDirectory()) return "directory";
    return found.isFile() ? "file" : "other";
  },
};

/** Writes all of `bytes`. */
export async function writeAll(file: OpenFile, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const written = await file.write(bytes.subarray(done));
    if (written === 0) throw Object.assign(new Error("the file takes no more bytes"), { code: "ENOSPC" });
    done += written;
  }
}

/** Reads until `target` is full or the file ends; returns how many bytes came. */
export async function readInto(file: OpenFile, target: Uint8Array, position: number): Promise<number> {
  let done = 0;
  while (done < target.length) {
    const read = await file.read(target.subarray(done), position + done);
    if (read === 0) break;
    done += read;
  }
  return done;
}

const MAX_SMALL_BYTES = 4096;

/** Reads a file that is small by its nature. */
export async function readSmall(files: Files, path: string): Promise<Buffer> {
  const file = await files.open(path, "read");
  try {
    const bytes = Buffer.alloc(MAX_SMALL_BYTES);
    return bytes.subarray(0, await readInto(file, bytes, 0));
  } finally {
    await file.close();
  }
}

/** Writes a file anew and returns when it is on the disk. What is left of a failed attempt is removed. */
export async function writeFile(files: Files, path: string, write: (file: OpenFile) => Promise<void>): Promise<void> {
  const file = await files.open(path, "write");
  try {
    try {
      await write(file);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    // Its half may be what fills the disk. If it can't be removed, the next attempt truncates it.
    await files.unlink(path).catch(() => undefined);
    throw error;
  }
}
