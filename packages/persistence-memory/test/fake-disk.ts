import type { Files } from "../src/index.ts";

export type DiskOperation =
  | "open"
  | "read"
  | "write"
  | "sync"
  | "rename"
  | "link"
  | "unlink"
  | "syncDirectory"
  | "kind";

/** Called before each operation; what it returns is thrown. */
export type Fault = (operation: DiskOperation, path: string) => Error | undefined;

interface Inode {
  bytes: Buffer;
  /** What a power failure leaves of it. */
  synced: Buffer;
}

/**
 * A disk in memory that can fail at any operation, take writes piece by piece, and lose power: then content that was not
 * synced is gone, and of the names changed since the last sync of the directory only the first few changes survive.
 */
export class FakeDisk implements Files {
  names = new Map<string, Inode>();
  fault: Fault = () => undefined;
  /** The most bytes that one read or write moves. */
  pieceBytes = Number.POSITIVE_INFINITY;
  operations = 0;
  #durable = new Map<string, Inode>();
  #changes: ((names: Map<string, Inode>) => void)[] = [];

  async open(path: string, mode: "read" | "write"): ReturnType<Files["open"]> {
    this.#step("open", path);
    let inode = this.names.get(path);
    if (inode === undefined && mode === "read") throw failure("ENOENT");
    if (inode === undefined) {
      const made = { bytes: Buffer.alloc(0), synced: Buffer.alloc(0) };
      inode = made;
      this.#change((names) => names.set(path, made));
    }
    const file = inode;
    if (mode === "write") file.bytes = Buffer.alloc(0);
    return {
      read: async (target, position) => {
        this.#step("read", path);
        const piece = file.bytes.subarray(position, position + Math.min(target.length, this.pieceBytes));
        target.set(piece);
        return piece.length;
      },
      write: async (bytes) => {
        this.#step("write", path);
        const piece = bytes.subarray(0, Math.min(bytes.length, this.pieceBytes));
        file.bytes = Buffer.concat([file.bytes, piece]);
        return piece.length;
      },
      sync: async () => {
        this.#step("sync", path);
        file.synced = Buffer.from(file.bytes);
      },
      size: async () => file.bytes.length,
      close: async () => undefined,
    };
  }

  async rename(from: string, to: string): Promise<void> {
    this.#step("rename", from);
    const inode = this.#get(from);
    this.#change((names) => {
      names.delete(from);
      names.set(to, inode);
    });
  }

  async link(from: string, to: string): Promise<void> {
    this.#step("link", to);
    if (this.names.has(to)) throw failure("EEXIST");
    const inode = this.#get(from);
    this.#change((names) => names.set(to, inode));
  }

  async unlink(path: string): Promise<void> {
    this.#step("unlink", path);
    this.#get(path);
    this.#change((names) => names.delete(path));
  }

  async syncDirectory(path: string): Promise<void> {
    this.#step("syncDirectory", path);
    this.#settle(this.#changes.length);
  }

  async kind(path: string): Promise<"file" | "directory"> {
    this.#step("kind", path);
    if (path === "/data") return "directory";
    this.#get(path);
    return "file";
  }

  /** Loses power. Of the changes of names that were not synced, the first `kept` survive. */
  crash(kept: number): void {
    this.#settle(kept);
    this.#changes = [];
    for (const inode of this.#durable.values()) inode.bytes = Buffer.from(inode.synced);
    this.names = new Map(this.#durable);
    this.fault = () => undefined;
  }

  get unsyncedChanges(): number {
    return this.#changes.length;
  }

  put(path: string, bytes: Uint8Array): void {
    const inode = { bytes: Buffer.from(bytes), synced: Buffer.from(bytes) };
    this.#change((names) => names.set(path, inode));
    this.#settle(this.#changes.length);
  }

  bytesOf(path: string): Buffer {
    return Buffer.from(this.#get(path).bytes);
  }

  #settle(count: number): void {
    for (const change of this.#changes.splice(0, count)) change(this.#durable);
  }

  #change(change: (names: Map<string, Inode>) => void): void {
    change(this.names);
    this.#changes.push(change);
  }

  #step(operation: DiskOperation, path: string): void {
    this.operations += 1;
    const error = this.fault(operation, path);
    if (error !== undefined) throw error;
  }

  #get(path: string): Inode {
    const inode = this.names.get(path);
    if (inode === undefined) throw failure("ENOENT");
    return inode;
  }
}

export function failure(code: string): Error {
  return Object.assign(new Error(`${code}: made up`), { code });
}
