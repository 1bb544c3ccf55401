import { StoreError } from "@orbit/persistence/driver";

import type { LmdbRoot } from "./lmdb.ts";
import { isAlive, type ProcessIdentity, sameProcess, thisProcess } from "./process.ts";

/*
 * Plain records beside the table of entries. All of them are read and written inside write transactions, which exclude
 * each other also between processes.
 */
const FORMAT_KEY = "format";
const FORMAT = "orbit-btree 1";
const OWNER_KEY = "owner";
const STATE_KEY = "state";

/** The process that has the directory open. */
interface Owner extends ProcessIdentity {
  /** How many threads of it do. */
  readonly threads: number;
  readonly anchor: ClockAnchor;
}

/** The store's clock read `storeMs` when the host's monotonic clock read `hostMs`. The same for all threads. */
export interface ClockAnchor {
  readonly storeMs: number;
  readonly hostMs: number;
}

export interface Claim {
  /** 16 random bytes that stand in the database while this process holds the directory. */
  readonly holder: Buffer;
  readonly anchor: ClockAnchor;
}

/** What every transaction that writes reads and renews: 32 bytes, numbers as little-endian doubles. */
export interface State {
  /** The store's clock. */
  readonly storeMs: number;
  /** Bytes of all entries. */
  readonly used: number;
  readonly holder: Buffer;
}

/**
 * Refuses a database that is not ours or that a living process holds. Reads only, so that it can go before a claim:
 * a claim waits for the write lock, which a stopped process may hold for ever.
 */
export function inspect(root: LmdbRoot, path: string): void {
  checkFormat(root);
  const owner = readOwner(root);
  if (owner !== undefined) checkOwner(root, owner, path);
}

/** Takes the directory for this thread. Runs inside a write transaction, before anything is written. */
export function claim(root: LmdbRoot, path: string, hostMs: number, newHolder: () => Uint8Array): Claim {
  const isNew = checkFormat(root);
  const owner = readOwner(root);
  if (owner !== undefined) checkOwner(root, owner, path);
  const shared = owner !== undefined && sameProcess(owner, thisProcess()) ? owner : undefined;
  const state = isNew ? { storeMs: 0, used: 0, holder: Buffer.alloc(0) } : readState(root);
  if (state === undefined) throw damaged(STATE_KEY);
  const anchor = shared?.anchor ?? { storeMs: state.storeMs, hostMs };
  const holder = shared === undefined ? Buffer.from(newHolder()) : state.holder;
  if (isNew) writeText(root, FORMAT_KEY, FORMAT);
  writeState(root, { ...state, holder });
  writeOwner(root, { ...thisProcess(), threads: (shared?.threads ?? 0) + 1, anchor });
  return { holder, anchor };
}

/** Gives the directory up for this thread. Runs inside a write transaction. */
export function release(root: LmdbRoot): void {
  const owner = readOwner(root);
  if (owner === undefined) return;
  if (owner.threads > 1) writeOwner(root, { ...owner, threads: owner.threads - 1 });
  else root.remove(OWNER_KEY);
}

/**
 * Reads the state for a transaction of this process.
 *
 * @throws StoreError `CONFLICT` when another process took the directory: it found this one dead by the system's word.
 */
export function heldState(root: LmdbRoot, claimed: Claim, path: string): State {
  const state = readState(root);
  if (state !== undefined && state.holder.equals(claimed.holder)) return state;
  const owner = readOwner(root);
  const by = owner === undefined ? "another process" : `process ${owner.pid}`;
  throw new StoreError("CONFLICT", `${by} has taken the data directory ${path}: restart this process`);
}

export function writeState(root: LmdbRoot, { storeMs, used, holder }: State): void {
  const bytes = Buffer.allocUnsafe(STATE_BYTES);
  bytes.writeDoubleLE(storeMs, 0);
  bytes.writeDoubleLE(used, 8);
  bytes.set(holder, 16);
  root.put(STATE_KEY, bytes);
}

function readState(root: LmdbRoot): State | undefined {
  const found = root.get(STATE_KEY);
  if (found === undefined) return undefined;
  const bytes = Buffer.from(found.buffer, found.byteOffset, found.length);
  if (bytes.length !== STATE_BYTES) throw damaged(STATE_KEY);
  const [storeMs, used] = [bytes.readDoubleLE(0), bytes.readDoubleLE(8)];
  if (!(storeMs >= 0 && Number.isFinite(storeMs) && Number.isSafeInteger(used) && used >= 0)) throw damaged(STATE_KEY);
  return { storeMs, used, holder: bytes.subarray(16) };
}

const STATE_BYTES = 32;

/** Returns whether the database is new. */
function checkFormat(root: LmdbRoot): boolean {
  const format = readText(root, FORMAT_KEY);
  if (format === FORMAT) return false;
  if (format !== undefined) {
    const reason = `expected the format ${JSON.stringify(FORMAT)}, found ${JSON.stringify(format.slice(0, 80))}`;
    throw new StoreError("CORRUPT", `${reason}: open it with the version of @orbit/persistence-btree that wrote it`);
  }
  if (root.getStats().entryCount === 0) return true;
  throw new StoreError("CORRUPT", "the directory holds an LMDB database that is not Orbit's: give another path");
}

function checkOwner(root: LmdbRoot, owner: Owner, path: string): void {
  const self = thisProcess();
  if (sameProcess(owner, self) || !isAlive(owner, self, () => lockedPids(root))) return;
  const reason = `the data directory ${path} is open in process ${owner.pid}`;
  const where = owner.namespace === self.namespace ? "" : " of another container";
  throw new StoreError("CONFLICT", `${reason}${where}: stop that process, or give this one another path`);
}

/** The processes that have the directory open, by the file locks they hold. */
function lockedPids(root: LmdbRoot): ReadonlySet<number> {
  root.readerCheck();
  const pids = root.readerList().matchAll(/^\s*(\d+)\s+[0-9a-f]+\s+[\d-]+\s*$/gm);
  return new Set([...pids].map(([, pid]) => Number(pid)));
}

function readOwner(root: LmdbRoot): Owner | undefined {
  const text = readText(root, OWNER_KEY);
  if (text === undefined) return undefined;
  const owner: unknown = parse(text);
  if (!isOwner(owner)) throw damaged(OWNER_KEY);
  return owner;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw damaged(OWNER_KEY, cause);
  }
}

function isOwner(value: unknown): value is Owner {
  if (typeof value !== "object" || value === null) return false;
  const { pid, boot, started, namespace, threads, anchor } = value as Partial<Record<keyof Owner, unknown>>;
  if (typeof anchor !== "object" || anchor === null) return false;
  const { storeMs, hostMs } = anchor as Partial<Record<keyof ClockAnchor, unknown>>;
  return (
    [pid, threads, storeMs, hostMs].every((number) => typeof number === "number") &&
    [boot, started, namespace].every((text) => typeof text === "string")
  );
}

function writeOwner(root: LmdbRoot, owner: Owner): void {
  writeText(root, OWNER_KEY, JSON.stringify(owner));
}

function readText(root: LmdbRoot, key: string): string | undefined {
  const bytes = root.get(key);
  return bytes === undefined ? undefined : Buffer.from(bytes).toString("utf8");
}

function writeText(root: LmdbRoot, key: string, text: string): void {
  root.put(key, Buffer.from(text, "utf8"));
}

function damaged(key: string, cause?: unknown): StoreError {
  const reason = `the record ${JSON.stringify(key)} in the database is damaged: restore the directory from a backup`;
  return new StoreError("CORRUPT", reason, { cause });
}
