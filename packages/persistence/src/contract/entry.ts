declare const versionBrand: unique symbol;
declare const cursorBrand: unique symbol;

/**
 * Names one state of one key. Opaque: compare for equality only. A version is never used again for its key, neither
 * after a delete nor after a restart or failover. It belongs to its key: another key's version never matches.
 */
export type Version = string & { readonly [versionBrand]: true };

/** Names a position in a change stream, for {@link Watch.from}. Opaque. */
export type Cursor = string & { readonly [cursorBrand]: true };

export interface Entry {
  readonly key: string;
  readonly value: Uint8Array;
  readonly version: Version;
  /**
   * Milliseconds since this version was written, by the store's clock. Always there under the clock rule `server-age`,
   * never under `observer`; under `server-ttl` where the store can tell it.
   */
  readonly ageMs?: number;
}

/** The condition of a write: unconditional, key must not exist, or key must be at this version. */
export type When = "always" | "absent" | { readonly version: Version };

/** The condition of a delete. Deleting a key that does not exist succeeds under `always` and conflicts under a version. */
export type DeleteWhen = "always" | { readonly version: Version };

/** A condition that did not hold, with the entry that won. A conflict is a value and not an exception. */
export interface Conflict {
  readonly ok: false;
  readonly current: Entry | undefined;
}

export type Put = { readonly ok: true; readonly version: Version } | Conflict;

export type Delete = { readonly ok: true } | Conflict;

export interface PutOp {
  readonly type: "put";
  readonly key: string;
  readonly value: Uint8Array;
  readonly when: When;
  /** Milliseconds after which the store removes the entry by its own clock, rounded up to its granularity. */
  readonly ttlMs?: number;
}

export interface DeleteOp {
  readonly type: "delete";
  readonly key: string;
  readonly when: DeleteWhen;
}

export type WriteOp = PutOp | DeleteOp;

/** A condition of a commit that holds at the commit point, also for keys that the commit does not write. */
export interface Check {
  readonly key: string;
  readonly when: "absent" | { readonly version: Version };
}

/** The answer to a commit: one version a put (`undefined` for a delete), or every condition that did not hold. */
export type Commit =
  | { readonly ok: true; readonly versions: readonly (Version | undefined)[] }
  | { readonly ok: false; readonly conflicts: readonly CommitConflict[] };

export interface CommitConflict {
  readonly key: string;
  readonly current: Entry | undefined;
}

export interface Range {
  /** Only keys that start with this string. */
  readonly prefix: string;
  /** Only keys after this one, exclusive. */
  readonly after?: string;
  /** At most so many entries in all. */
  readonly limit?: number;
  /** Values may be left empty; spares a request a key on stores whose listing carries no values. */
  readonly keysOnly?: boolean;
}

export interface Watch {
  readonly prefix: string;
  /** Resume after this cursor; without it the stream starts with a {@link Resync} at the present. */
  readonly from?: Cursor;
}

export type Change =
  | { readonly type: "put"; readonly entry: Entry; readonly cursor: Cursor }
  | { readonly type: "delete"; readonly key: string; readonly cursor: Cursor };

/**
 * Everything before `cursor` may have been missed: read the range anew. Every later change follows in the stream.
 * A stream opened without a cursor starts with one, so that watch-then-scan has no gap.
 */
export interface Resync {
  readonly type: "resync";
  readonly cursor: Cursor;
}
