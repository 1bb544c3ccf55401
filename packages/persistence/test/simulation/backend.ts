import type { Capabilities, Entry, StoreDriver, Version, When, WriteOp } from "../../src/driver.ts";
import { CONTRACT, StoreError } from "../../src/driver.ts";
import { mapCapabilities } from "../../src/testing/index.ts";
import type { Machine, World } from "./world.ts";

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
      conditionalDelete: rules.honoursDeletes,
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

/** Patient clients hold on to requests that are very late. */
const CLIENT_TIMEOUTS_MS = [40, 40, 300];

/** How a machine reaches a backend: messages are lost, delayed, repeated and overtaken. */
export function connect(world: World, machine: Machine, backend: Backend): { driver: StoreDriver; settle(): void } {
  // The probe at open is not what is under test.
  let calm = true;
  const timeoutMs = world.pick(CLIENT_TIMEOUTS_MS);
  const call = <T>(what: string, write: boolean, apply: () => T): Promise<T> => {
    if (calm) return Promise.resolve(apply());
    return new Promise((resolve, reject) => {
      const { faulty } = world;
      const slow = faulty && world.chance(0.1);
      const there = world.between(0.1, slow ? 250 : 8);
      const back = world.between(0.1, faulty && world.chance(0.05) ? 80 : 8);
      const lost = faulty && world.chance(0.04);
      const answerLost = faulty && world.chance(0.06);
      let over = false;
      const finish = (settle: () => void): void => {
        if (over) return;
        over = true;
        machine.deliver(settle);
      };
      const arrive = (copy: boolean): void => {
        const result = apply();
        world.log(`${machine.name} ${what}${copy ? " (copy)" : ""} at ${backend.name}: ${brief(result)}`);
        if (!copy && !answerLost) world.at(world.time + back, () => finish(() => resolve(result)));
      };
      if (!lost) world.at(world.time + there, () => arrive(false));
      if (write && faulty && world.chance(0.05))
        world.at(world.time + there + world.between(0, 300), () => arrive(true));
      machine.clock.after(timeoutMs, () =>
        finish(() =>
          reject(
            new StoreError("UNAVAILABLE", "no answer", { outcome: write ? "unknown" : "none", retryable: !write }),
          ),
        ),
      );
    });
  };
  const driver: StoreDriver = {
    name: backend.name,
    contract: CONTRACT,
    capabilities: backend.capabilities,
    open: async () => undefined,
    close: async () => undefined,
    get: (key) => call(`get ${key}`, false, () => backend.read(key)),
    put: (key, value, when, options) =>
      call(`put ${key} ${condition(when)}`, true, () =>
        backend.apply({
          type: "put",
          key,
          value,
          when,
          ...(options?.ttlMs === undefined ? {} : { ttlMs: options.ttlMs }),
        }),
      ),
    delete: (key, when) =>
      call(`delete ${key} ${condition(when)}`, true, () => backend.apply({ type: "delete", key, when })),
    async *scan({ prefix, after, limit }) {
      yield await call(`scan ${prefix}`, false, () =>
        [...backend.slots.keys()]
          .filter((key) => key.startsWith(prefix) && (after === undefined || key > after))
          .sort((a, b) => (a < b ? -1 : 1))
          .slice(0, limit)
          .map((key) => backend.read(key))
          .filter((entry) => entry !== undefined),
      );
    },
    health: async () => ({ status: "healthy", latencyMs: 0 }),
    ...(backend.capabilities.commit !== "none" && {
      commit: (checks, ops) =>
        call(`commit ${ops.map(({ key }) => key).join(" ")}`, true, () => {
          const failed = [...checks, ...ops].filter(({ key, when }) => !backend.holds(key, when));
          if (failed.length === 0) return { ok: true as const, versions: ops.map((op) => backend.write(op)) };
          return { ok: false as const, conflicts: failed.map(({ key }) => ({ key, current: backend.read(key) })) };
        }),
    }),
  };
  return { driver, settle: () => (calm = false) };
}

function condition(when: When): string {
  return typeof when === "string" ? when : `v${when.version}`;
}

function brief(result: unknown): string {
  if (result === undefined) return "absent";
  if (typeof result !== "object" || result === null) return typeof result;
  if ("ok" in result) return result.ok === true ? "ok" : "conflict";
  return "version" in result ? `v${String(result.version)}` : "page";
}
