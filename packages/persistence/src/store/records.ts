import type { Capabilities } from "../contract/capabilities.ts";
import type { CallOptions, PutOptions, StoreDriver } from "../contract/driver.ts";
import type { Change, Delete, Entry, Put, Range, Resync, Version, Watch } from "../contract/entry.ts";
import { StoreError } from "../contract/error.ts";
import { sameBytes } from "../envelope/bytes.ts";
import { encodeEnvelope, OpenedEnvelope } from "../envelope/envelope.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Random } from "../runtime/random.ts";
import { stepwise } from "../runtime/stream.ts";
import { checkStart, sleep, within } from "../runtime/wait.ts";
import { backoffMs } from "./backoff.ts";
import { nonceSource } from "./nonce.ts";
import { mapAll } from "./settle.ts";

/** A stored value with its envelope read. */
export interface StoredRecord {
  readonly key: string;
  readonly version: Version;
  readonly envelope: OpenedEnvelope;
  readonly ageMs: number | undefined;
}

/** A state of a key to which a conditional write refers: what was read, or what a write returned. */
export interface Prior {
  readonly version: Version;
  readonly nonce: Uint8Array;
}

export function priorOf(record: StoredRecord): Prior {
  return { version: record.version, nonce: record.envelope.nonce };
}

export type RecordWhen = "always" | "absent" | Prior;

/** What a caller puts into a record; the nonces are added here. */
export interface RecordBody {
  readonly body: Uint8Array;
  readonly tombstone?: boolean;
  readonly fence?: bigint | undefined;
  readonly grant?: Uint8Array | undefined;
  readonly key?: string | undefined;
}

export type Written =
  /** `superseded`: it was applied and has been replaced since, so the version is no longer the current one. */
  { readonly ok: true; readonly prior: Prior; readonly superseded: boolean } | RecordConflict;

export interface RecordConflict {
  readonly ok: false;
  readonly current: StoredRecord | undefined;
}

export interface RecordPutOptions extends PutOptions {
  /** The key is never really deleted, so that an `absent` write may be sent again when its outcome is unknown. */
  readonly neverDeleted?: boolean;
}

/** Never the version of an entry: conditional writes under it conflict. */
export const SUPERSEDED: Version = "superseded" as Version;

/** Whether a write under this condition is known to conflict, so that no driver need see it. */
export function isSuperseded(when: RecordWhen): boolean {
  return typeof when !== "string" && when.version === SUPERSEDED;
}

/** Reads that are under way at once on a driver without `getMany`. */
const CONCURRENCY = 32;
const RESEND_BASE_MS = 10;
const RESEND_MAX_MS = 500;

export interface RecordsInit {
  readonly driver: StoreDriver;
  readonly capabilities: Capabilities;
  readonly clock: Clock;
  readonly random: Random;
  /** The deadline of a call that brings none, in milliseconds; `undefined` leaves such calls unbounded. */
  readonly operationTimeoutMs: number | undefined;
}

/**
 * Reads and writes enveloped records by driver key. Here, once for all drivers, stand the checks before I/O, abort and
 * deadline, error context, and the resolution of unknown outcomes (docs/lease-protocol.md, rule 5): the same bytes,
 * nonce and condition are sent again until an answer tells.
 */
export class Records {
  readonly capabilities: Capabilities;
  readonly clock: Clock;
  readonly random: Random;
  readonly driver: StoreDriver;
  readonly nonce: () => Uint8Array;
  readonly #operationTimeoutMs: number | undefined;
  #closed = false;

  constructor(init: RecordsInit) {
    this.driver = init.driver;
    this.capabilities = init.capabilities;
    this.clock = init.clock;
    this.random = init.random;
    this.nonce = nonceSource(init.random);
    this.#operationTimeoutMs = init.operationTimeoutMs;
  }

  get closed(): boolean {
    return this.#closed;
  }

  markClosed(): void {
    this.#closed = true;
  }

  async get(key: string, options?: CallOptions): Promise<StoredRecord | undefined> {
    const entry = await this.getEntry(key, options);
    return entry === undefined ? undefined : this.read(entry, "get");
  }

  /** Reads an entry with its envelope unread, for a caller that saves a promise by reading it itself. */
  getEntry(key: string, options?: CallOptions): Promise<Entry | undefined> {
    return this.run("get", key, options, "none", (bounded) => this.driver.get(key, bounded));
  }

  async getMany(keys: readonly string[], options?: CallOptions): Promise<readonly (StoredRecord | undefined)[]> {
    const { driver } = this;
    const entries = await this.run("getMany", undefined, options, "none", (bounded) =>
      driver.getMany === undefined
        ? mapAll(keys, CONCURRENCY, (key) => driver.get(key, bounded))
        : driver.getMany(keys, bounded),
    );
    return entries.map((entry) => (entry === undefined ? undefined : this.read(entry, "getMany")));
  }

  /** Reads the pages of a range. A deadline of the store's own holds for each page. */
  scan(range: Range, options?: CallOptions): AsyncGenerator<readonly Entry[], void, undefined> {
    return stepwise(
      () => this.driver.scan(range, options),
      (next) => this.run("scan", range.prefix, options, "none", next),
    );
  }

  /** Follows the changes of a range. It may be quiet for long: only a deadline that the caller brings holds. */
  watch(range: Watch, options?: CallOptions): AsyncGenerator<readonly Change[] | Resync, void, undefined> {
    const unhurried = { ...options, deadline: options?.deadline ?? Number.POSITIVE_INFINITY };
    return stepwise(
      () => this.driver.watch!(range, options),
      (next) => this.run("watch", range.prefix, unhurried, "none", next),
    );
  }

  /**
   * Writes a record. Resolves an unknown outcome by sending again while the deadline lasts; throws with
   * `outcome: "unknown"` when it stays unknown.
   */
  async put(key: string, record: RecordBody, when: RecordWhen, options?: RecordPutOptions): Promise<Written> {
    const bounded = this.bound(options);
    if (isSuperseded(when)) return { ok: false, current: await this.get(key, bounded) };
    const nonce = this.nonce();
    const bytes = this.encode(key, record, nonce, when);
    const condition = typeof when === "string" ? when : { version: when.version };
    return this.settle(when, nonce, bounded, {
      send: () => this.run("put", key, bounded, "unknown", (call) => this.driver.put(key, bytes, condition, call)),
      readBack: () => this.get(key, bounded),
      resend: typeof when !== "string" || (when === "absent" && options?.neverDeleted === true),
    });
  }

  /** Deletes a record for good. An unknown outcome is sent again, and stays unknown if the record is then gone. */
  async delete(key: string, when: "always" | Prior, options?: CallOptions): Promise<{ ok: true } | RecordConflict> {
    const bounded = this.bound(options);
    if (isSuperseded(when)) return { ok: false, current: await this.get(key, bounded) };
    const condition = when === "always" ? when : { version: when.version };
    let unknown: StoreError | undefined;
    for (let attempt = 1; ; attempt += 1) {
      try {
        const answer: Delete = await this.run("delete", key, bounded, "unknown", (call) =>
          this.driver.delete(key, condition, call),
        );
        if (answer.ok) return answer;
        if (unknown !== undefined) throw unknown;
        return { ok: false, current: answer.current === undefined ? undefined : this.read(answer.current, "delete") };
      } catch (error) {
        unknown = await this.pause(error, unknown, attempt, when !== "always", bounded);
      }
    }
  }

  /**
   * Waits before an unknown write is sent again. Rethrows when it must not be, when that would not help, and when time is
   * up: as unknown, once one sending was, whatever became of a later one.
   */
  async pause(
    error: unknown,
    earlier: StoreError | undefined,
    attempt: number,
    resend: boolean,
    bounded: CallOptions,
  ): Promise<StoreError> {
    if (error === earlier || !StoreError.is(error)) throw error;
    const unknown = error.outcome === "unknown" ? error : earlier;
    if (unknown === undefined) throw error;
    const final = error.outcome === "none" && !error.retryable;
    if (final || !resend || bounded.deadline === undefined) throw unknown;
    const pauseMs = backoffMs(this.random, attempt, RESEND_BASE_MS, RESEND_MAX_MS);
    if (this.clock.now() + pauseMs >= bounded.deadline) throw unknown;
    await within(sleep(this.clock, pauseMs), this.clock, { signal: bounded.signal }, "unknown");
    return unknown;
  }

  async settle(
    when: RecordWhen,
    nonce: Uint8Array,
    bounded: CallOptions,
    write: { send: () => Promise<Put>; readBack: () => Promise<StoredRecord | undefined>; resend: boolean },
  ): Promise<Written> {
    let unknown: StoreError | undefined;
    for (let attempt = 1; ; attempt += 1) {
      try {
        const answer = await write.send();
        if (answer.ok) return { ok: true, prior: { version: answer.version, nonce }, superseded: false };
        const current = answer.current === undefined ? undefined : this.read(answer.current, "put");
        const applied = appliedAs(current, nonce);
        if (applied !== undefined) return applied;
        if (unknown !== undefined) throw unknown;
        return { ok: false, current };
      } catch (error) {
        if (!write.resend && StoreError.is(error) && error.outcome === "unknown" && when === "absent") {
          const applied = await this.#readBack(write.readBack, nonce);
          if (applied !== undefined) return applied;
        }
        unknown = await this.pause(error, unknown, attempt, write.resend, bounded);
      }
    }
  }

  /** A create that must not be sent again: seeing its own nonce proves it; seeing anything else proves nothing. */
  async #readBack(read: () => Promise<StoredRecord | undefined>, nonce: Uint8Array): Promise<Written | undefined> {
    try {
      return appliedAs(await read(), nonce);
    } catch (error) {
      // The read adds knowledge where it can; the write's own error tells the caller what happened.
      if (StoreError.is(error)) return undefined;
      throw error;
    }
  }

  encode(key: string, record: RecordBody, nonce: Uint8Array, when: RecordWhen): Uint8Array {
    const bytes = encodeEnvelope({
      nonce,
      previousNonce: typeof when === "string" ? undefined : when.nonce,
      fence: record.fence,
      grant: record.grant,
      tombstone: record.tombstone ?? false,
      key: record.key,
      codec: "none",
      body: record.body,
    });
    const { maxValueBytes } = this.capabilities.limits;
    if (bytes.length > maxValueBytes) {
      const reason = `value: ${bytes.length} bytes with its envelope, the limit is ${maxValueBytes}`;
      throw new StoreError("TOO_LARGE", reason, { provider: this.driver.name, operation: "put", key });
    }
    return bytes;
  }

  read(entry: Entry, operation: string): StoredRecord {
    try {
      const envelope = new OpenedEnvelope(entry.value);
      if (envelope.encryption !== undefined || envelope.codec !== "none") throw stillSealed(envelope);
      return { key: entry.key, version: entry.version, envelope, ageMs: entry.ageMs };
    } catch (error) {
      throw StoreError.from(error, { provider: this.driver.name, operation, key: entry.key });
    }
  }

  /** Gives a call that brings no deadline the store's own. */
  bound<T extends CallOptions>(options: T | undefined): T | CallOptions {
    if (this.#operationTimeoutMs === undefined || options?.deadline !== undefined) return options ?? {};
    return { ...options, deadline: this.clock.now() + this.#operationTimeoutMs };
  }

  /** Runs one driver call: refuses a closed store, honours signal and deadline, adds context to errors. */
  run<T>(
    operation: string,
    key: string | undefined,
    options: CallOptions | undefined,
    outcome: "none" | "unknown",
    call: (options: CallOptions | undefined) => Promise<T>,
  ): Promise<T> {
    const fail = (error: unknown): never => {
      throw StoreError.from(error, { provider: this.driver.name, operation, key });
    };
    try {
      if (this.#closed) throw new StoreError("CLOSED", "the store is closed");
      const bounded = this.#operationTimeoutMs === undefined ? options : this.bound(options);
      checkStart(this.clock, bounded);
      return within(call(bounded), this.clock, bounded, outcome).catch(fail);
    } catch (error) {
      return Promise.reject(StoreError.from(error, { provider: this.driver.name, operation, key }));
    }
  }
}

/** A body that no layer has opened would be taken for the value itself. */
function stillSealed({ encryption, codec }: OpenedEnvelope): StoreError {
  return encryption === undefined
    ? new StoreError("UNSUPPORTED", `stored value: compressed with ${codec}, open the store with the layer compress`)
    : new StoreError(
        "DENIED",
        `stored value: encrypted with the key ${JSON.stringify(encryption.keyId)}, open the store with the layer encrypt`,
      );
}

/** Tells from what stands at a key that a write was applied: it is there, or its successor names it. */
export function appliedAs(
  current: StoredRecord | undefined,
  nonce: Uint8Array,
): Extract<Written, { ok: true }> | undefined {
  if (current === undefined) return undefined;
  if (sameBytes(current.envelope.nonce, nonce)) {
    return { ok: true, prior: { version: current.version, nonce }, superseded: false };
  }
  if (sameBytes(current.envelope.previousNonce, nonce)) {
    return { ok: true, prior: { version: SUPERSEDED, nonce }, superseded: true };
  }
  return undefined;
}
