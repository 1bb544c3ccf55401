import {
  type Cancel,
  type Clock,
  type Entry,
  type Random,
  randomHex,
  StoreError,
  systemClock,
  systemRandom,
} from "@orbit/persistence/driver";

import { ChangeLog, type ChangeLogLimits } from "./change-log.ts";
import { Expiry } from "./expiry.ts";
import { Fences } from "./fences.ts";
import type { SessionState } from "./sessions.ts";
import { type Life, type Slot, Table } from "./table.ts";
import { pack, unpack } from "./value.ts";
import { Versions } from "./versions.ts";

/** The data of a memory store. Drivers that share one are instances over the same backend. */
export interface MemoryData {
  /** How many entries it holds, expired ones included until they are removed. */
  readonly entries: number;
  /** Bytes of their keys and values. */
  readonly bytes: number;
}

export interface MemoryDataOptions {
  /** The store's clock, by which entries age and end; the system's by default. */
  readonly clock?: Clock;
  readonly random?: Random;
  /** How far back a watch can resume. */
  readonly changes?: ChangeLogLimits;
}

/** Makes the data for several drivers of one process to share. */
export function memoryData(options: MemoryDataOptions = {}): MemoryData {
  return new Data(options);
}

const EMPTY = new Uint8Array(0);

/** The backend: what a server would be for a networked provider. */
export class Data implements MemoryData {
  readonly clock: Clock;
  readonly random: Random;
  readonly table: Table = new Table();
  readonly versions: Versions;
  readonly log: ChangeLog;
  readonly fences: Fences;
  /** Whether a backup is kept of it; there can be one. */
  backedUp = false;
  readonly #expiry = new Expiry<string | SessionState>();
  readonly #sessions = new Map<string, SessionState>();
  #users = 0;
  #timer: { readonly at: number; readonly cancel: Cancel } | undefined;

  constructor({ clock = systemClock, random = systemRandom, changes }: MemoryDataOptions) {
    this.clock = clock;
    this.random = random;
    this.versions = new Versions(random);
    this.log = new ChangeLog(this.versions.instance, changes);
    this.fences = new Fences(clock);
  }

  get entries(): number {
    return this.table.size;
  }

  get bytes(): number {
    return this.table.bytes;
  }

  /** Returns what stands at a key now. */
  read(key: string): Slot | undefined {
    this.expire();
    return this.table.get(key);
  }

  entry(key: string, slot: Slot, keysOnly = false): Entry {
    const ageMs = Math.max(0, this.clock.now() - slot.writtenAt);
    return { key, value: keysOnly ? EMPTY : unpack(slot.value), version: this.versions.text(slot.version), ageMs };
  }

  /** Writes without a condition, and returns the new version. */
  put(key: string, value: Uint8Array, ttlMs: number | undefined, session: SessionState | undefined): number {
    const old = this.table.get(key);
    const version = this.versions.next();
    const life = ttlMs === undefined && session === undefined ? undefined : this.#live(key, old?.life, ttlMs, session);
    this.#release(key, old, life);
    const slot = { value: pack(value), version, writtenAt: this.#stamp(), life };
    this.table.set(key, slot);
    this.log.append(key, slot);
    return version;
  }

  /** Deletes without a condition. */
  delete(key: string): void {
    const old = this.table.get(key);
    if (old === undefined) return;
    this.#release(key, old, undefined);
    this.table.delete(key);
    this.log.append(key, undefined);
  }

  /**
   * Puts an entry of a backup back. Its age and its time to live start anew: nobody knows how long the process was down
   * or what was renewed after the backup, and an entry that seems older than it is could be taken over too early.
   */
  restore(key: string, value: Uint8Array, version: number, ttlMs: number | undefined): void {
    const life = ttlMs === undefined ? undefined : this.#live(key, undefined, ttlMs, undefined);
    this.table.set(key, { value: pack(value), version, writtenAt: this.#stamp(), life });
  }

  /** Forgets all entries and sessions; their versions stay used, and watches begin anew. */
  clear(): void {
    this.log.reset();
    this.#sessions.clear();
    this.#expiry.clear();
    this.table.clear();
  }

  openSession(ttlMs: number): SessionState {
    this.expire();
    const id = randomHex(this.random, 16);
    const granted = Math.ceil(ttlMs);
    const at = this.clock.now() + granted;
    const session: SessionState = { id, ttlMs: granted, at, item: undefined, keys: new Set() };
    session.item = this.#expiry.add(session, at);
    this.#sessions.set(id, session);
    this.#arm();
    return session;
  }

  /** Returns the session of an id. Throws `LEASE_LOST` when it is over. */
  sessionOf(id: string): SessionState {
    this.expire();
    const session = this.#sessions.get(id);
    if (session !== undefined) return session;
    throw new StoreError("LEASE_LOST", "the session is over: its keys were removed; open another");
  }

  /** Gives a session its whole time to live anew. */
  keepAlive(session: SessionState): void {
    session.at = this.clock.now() + session.ttlMs;
  }

  /** Ends a session and removes its keys. Does nothing where it is over. */
  endSession(id: string): void {
    const session = this.#sessions.get(id);
    if (session === undefined) return;
    this.#sessions.delete(id);
    if (session.item !== undefined) this.#expiry.drop(session.item);
    for (const key of session.keys) this.delete(key);
  }

  /** Removes everything whose time is over, so that no operation sees it. */
  expire(): void {
    const soonest = this.#expiry.next;
    if (soonest === undefined) return;
    const now = this.clock.now();
    if (now < soonest) return;
    for (let item = this.#expiry.take(now); item !== undefined; item = this.#expiry.take(now)) {
      const { target } = item;
      const life = typeof target === "string" ? this.table.get(target)?.life : target;
      if (life?.item !== item) continue;
      if (life.at > now) this.#expiry.putOff(item, life.at);
      else if (typeof target === "string") this.delete(target);
      else this.endSession(target.id);
    }
    this.#arm();
  }

  /** Starts to remove what expires on time, also when nobody asks for it. */
  use(): void {
    this.#users += 1;
    this.#arm();
  }

  /** Ends one {@link use}; the timer stops with the last. */
  leave(): void {
    this.#users -= 1;
    if (this.#users > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #stamp(): number {
    return Math.ceil(this.clock.now());
  }

  #live(key: string, old: Life | undefined, ttlMs: number | undefined, session: SessionState | undefined): Life {
    if (ttlMs === undefined) return { at: Number.POSITIVE_INFINITY, ttlMs: 0, item: undefined, session };
    const granted = Math.ceil(ttlMs);
    const at = this.clock.now() + granted;
    const kept = old?.item !== undefined && old.item.due <= at ? old.item : undefined;
    const item = kept ?? this.#expiry.add(key, at);
    this.#arm();
    return { at, ttlMs: granted, item, session };
  }

  /** Unties what stood at a key from its session and its place in the queue, where the new life does not share them. */
  #release(key: string, old: Slot | undefined, life: Life | undefined): void {
    const before = old?.life;
    if (before?.item !== undefined && before.item !== life?.item) this.#expiry.drop(before.item);
    if (before?.session !== life?.session) before?.session?.keys.delete(key);
    life?.session?.keys.add(key);
  }

  #arm(): void {
    const at = this.#expiry.next;
    if (this.#users === 0 || at === undefined || (this.#timer !== undefined && this.#timer.at <= at)) return;
    this.#timer?.cancel();
    const cancel = this.clock.after(at - this.clock.now(), () => {
      this.#timer = undefined;
      this.expire();
      this.#arm();
    });
    this.#timer = { at, cancel };
  }
}
