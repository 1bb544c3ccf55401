import {
  type Check,
  type Commit,
  type Delete,
  type DeleteWhen,
  type Entry,
  type Put,
  type Version,
  type When,
} from "@orbit/persistence/driver";

import { toEntry, valueBytes, versionOf, type VersionSource } from "./entries.ts";
import type { LmdbTable } from "./lmdb.ts";
import { entryBytes, type Space } from "./space.ts";

/** A write whose value is copied and whose key and size are checked. */
export type PreparedOp =
  | {
      readonly type: "put";
      readonly key: string;
      readonly record: Buffer;
      readonly when: When;
    }
  | { readonly type: "delete"; readonly key: string; readonly when: DeleteWhen };

export interface WriterInit {
  readonly table: LmdbTable<Buffer>;
  readonly versions: VersionSource;
  readonly space: Space;
  /** The store's clock at this transaction. */
  readonly storeMs: number;
}

/**
 * Applies writes inside one LMDB write transaction, which excludes every other writer, so that what a condition sees
 * still holds when the write is made. Each method checks everything before it writes anything: LMDB commits what was
 * written before a throw.
 */
export class Writer {
  readonly #table: LmdbTable<Buffer>;
  readonly #versions: VersionSource;
  readonly #space: Space;
  readonly #storeMs: number;
  #changed = false;

  constructor(init: WriterInit) {
    this.#table = init.table;
    this.#versions = init.versions;
    this.#space = init.space;
    this.#storeMs = init.storeMs;
  }

  /** Whether anything was written. */
  get changed(): boolean {
    return this.#changed;
  }

  /** Has the store's clock kept, though no entry changed. */
  touch(): void {
    this.#changed = true;
  }

  write(op: PreparedOp): Put | Delete {
    const found = this.#find(op.key);
    if (!holds(found, op.when)) return { ok: false, current: this.#entry(op.key) };
    this.#space.add(this.#growth(op, found));
    const version = this.#apply(op, found);
    return version === undefined ? { ok: true } : { ok: true, version };
  }

  commit(checks: readonly Check[], ops: readonly PreparedOp[]): Commit {
    const found = ops.map((op) => this.#find(op.key));
    const failed = [
      ...checks.filter(({ key, when }) => !holds(this.#find(key), when)),
      ...ops.filter(({ when }, index) => !holds(found[index], when)),
    ];
    if (failed.length > 0) {
      return { ok: false, conflicts: failed.map(({ key }) => ({ key, current: this.#entry(key) })) };
    }
    this.#space.add(ops.reduce((sum, op, index) => sum + this.#growth(op, found[index]), 0));
    return { ok: true, versions: ops.map((op, index) => this.#apply(op, found[index])) };
  }

  #find(key: string): Found | undefined {
    const record = this.#table.get(key);
    return record && { version: versionOf(record), valueBytes: valueBytes(record) };
  }

  #growth(op: PreparedOp, found: Found | undefined): number {
    const before = found === undefined ? 0 : entryBytes(op.key, found.valueBytes);
    return (op.type === "put" ? entryBytes(op.key, valueBytes(op.record)) : 0) - before;
  }

  #apply(op: PreparedOp, found: Found | undefined): Version | undefined {
    if (op.type === "put") {
      const version = this.#versions.stamp(op.record, this.#storeMs);
      this.#table.put(op.key, op.record);
      this.#changed = true;
      return version;
    }
    if (found !== undefined) {
      this.#table.remove(op.key);
      this.#changed = true;
    }
    return undefined;
  }

  #entry(key: string): Entry | undefined {
    const record = this.#table.get(key);
    return record && toEntry(key, record, this.#storeMs);
  }
}

/** What a write must know of the record it replaces; the record itself lies in memory that the next read uses. */
interface Found {
  readonly version: Version;
  readonly valueBytes: number;
}

function holds(found: Found | undefined, when: When): boolean {
  if (when === "always") return true;
  return when === "absent" ? found === undefined : found?.version === when.version;
}
