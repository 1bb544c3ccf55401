import { type Capabilities, type Check, type Commit, type Entry, partitionOf } from "../../src/driver.ts";
import type { Version, When, WriteOp } from "../../src/driver.ts";
import { mapCapabilities } from "../../src/testing/index.ts";
import type { World } from "./world.ts";

interface Slot {
  readonly value: Uint8Array;
  readonly version: Version;
  readonly writtenAt: number;
  readonly expiresAt: number;
}

export type Applied = (op: WriteOp, before: Uint8Array | undefined) => void;

export interface BackendRules {
  readonly clock: Capabilities["clock"];
  readonly commit: boolean;
  readonly partitions: number;
  /** It issues fences itself. */
  readonly fences: boolean;
  readonly getMany: boolean;
  /** Stale conditional deletes are refused, as they should be. */
  readonly honoursDeletes: boolean;
  readonly rate: number;
  readonly granularityMs: number;
}

/** A server: linearizable, with a clock of its own. Requests are applied one at a time, when the network lets them. */
export class Backend {
  readonly capabilities: Capabilities;
  readonly slots = new Map<string, Slot>();
  readonly name: string;
  readonly #world: World;
  readonly #rules: BackendRules;
  readonly #applied: Applied;
  #versions = 0;
  #fences = 0n;

  constructor(world: World, name: string, rules: BackendRules, applied: Applied) {
    this.#world = world;
    this.name = name;
    this.#rules = rules;
    this.#applied = applied;
    this.capabilities = {
      ...mapCapabilities,
      scope: "cluster",
      clock: rules.clock,
      commit: rules.commit ? "serializable" : "none",
      partitions: rules.partitions,
      conditionalDelete: rules.honoursDeletes,
      fences: rules.fences,
      getMany: rules.getMany,
      limits: { ...mapCapabilities.limits, ttlGranularityMs: rules.granularityMs },
    };
  }

  read(key: string): Entry | undefined {
    const slot = this.#slot(key);
    if (slot === undefined) return undefined;
    const ageMs = this.#stepped(this.#world.time) - this.#stepped(slot.writtenAt);
    const entry = { key, value: slot.value, version: slot.version };
    return this.#rules.clock === "observer" ? entry : { ...entry, ageMs };
  }

  holds(key: string, when: When): boolean {
    const slot = this.#slot(key);
    return when === "always" || (when === "absent" ? slot === undefined : slot?.version === when.version);
  }

  write(op: WriteOp): Version | undefined {
    const before = this.#slot(op.key)?.value;
    let version: Version | undefined;
    if (op.type === "delete") this.slots.delete(op.key);
    else {
      version = String(++this.#versions) as Version;
      const ttl = op.ttlMs === undefined ? Number.POSITIVE_INFINITY : op.ttlMs / this.#rules.rate;
      const { time } = this.#world;
      this.slots.set(op.key, { value: op.value, version, writtenAt: time, expiresAt: time + ttl });
    }
    this.#applied(op, before);
    return version;
  }

  apply(op: WriteOp): { ok: true; version: Version } | { ok: false; current: Entry | undefined } {
    const letThrough = op.type === "delete" && !this.#rules.honoursDeletes;
    if (!letThrough && !this.holds(op.key, op.when)) return { ok: false, current: this.read(op.key) };
    return { ok: true, version: this.write(op) ?? ("" as Version) };
  }

  commit(checks: readonly Check[], ops: readonly WriteOp[]): Commit {
    const partitions = new Set([...checks, ...ops].map(({ key }) => partitionOf(key, this.#rules.partitions)));
    if (partitions.size > 1) this.#world.violated(`${this.name} got a commit over ${partitions.size} partitions`);
    const failed = [...checks, ...ops].filter(({ key, when }) => !this.holds(key, when));
    if (failed.length === 0) return { ok: true, versions: ops.map((op) => this.write(op)) };
    return { ok: false, conflicts: failed.map(({ key }) => ({ key, current: this.read(key) })) };
  }

  scan(prefix: string, after: string | undefined, limit: number | undefined): readonly Entry[] {
    return [...this.slots.keys()]
      .filter((key) => key.startsWith(prefix) && (after === undefined || key > after))
      .sort((a, b) => (a < b ? -1 : 1))
      .slice(0, limit)
      .map((key) => this.read(key))
      .filter((entry) => entry !== undefined);
  }

  /** A number above `above` and above all issued before. */
  nextFence(above: bigint): bigint {
    this.#fences = (above > this.#fences ? above : this.#fences) + 1n;
    return this.#fences;
  }

  /** An instant by the server's clock, told in its step. */
  #stepped(time: number): number {
    const { rate, granularityMs } = this.#rules;
    return Math.floor((time * rate) / granularityMs) * granularityMs;
  }

  #slot(key: string): Slot | undefined {
    const slot = this.slots.get(key);
    if (slot === undefined || this.#world.time < slot.expiresAt) return slot;
    this.slots.delete(key);
    return undefined;
  }
}
