import type { WriteOp } from "../../src/driver.ts";
import { decodeEnvelope, type Envelope } from "../../src/envelope/envelope.ts";
import type { Lease } from "../../src/index.ts";
import type { Scenario } from "./scenario.ts";
import type { Machine, World } from "./world.ts";

/** What a process believes; looked at from outside. */
export interface Believer {
  readonly id: string;
  readonly machine: Machine;
  readonly leases: Set<Lease>;
}

interface Addressable {
  grants: number;
  readonly serials: Map<string, number>;
  readonly returned: { readonly serial: number; readonly fence: bigint }[];
}

interface Data {
  /** The latest grant that has read or written it. */
  touched: number;
  ids: readonly string[];
  readonly acknowledged: Set<string>;
  readonly deleted: Set<string>;
  readonly refused: Set<string>;
}

/** Knows what really happened, and holds the promises of docs/lease-protocol.md against it. */
export class Ghost {
  readonly believers: Believer[] = [];
  grants = 0;
  acknowledged = 0;
  readonly #world: World;
  readonly #committed: boolean;
  readonly #beliefs: boolean;
  readonly #addressables = new Map<string, Addressable>();
  readonly #data = new Map<string, Data>();
  #writes = 0;
  /** The lease keys that nobody has yet been granted and written under, since it was asked. */
  #awaited = new Set<string>();
  readonly #grantedSince = new Set<string>();

  /**
   * @param committed lease and data share a store with commit, so that (b) is promised
   * @param beliefs no clock deceives its process beyond the drift, so that (c) and the "never before" of (f) are promised
   */
  constructor(world: World, committed: boolean, beliefs: boolean) {
    this.#world = world;
    this.#committed = committed;
    this.#beliefs = beliefs;
  }

  /** Called by the backends for each write that lands. */
  readonly applied = (op: WriteOp, before: Uint8Array | undefined): void => {
    const [, kind] = op.key.split("-");
    if (op.type !== "put" || (kind !== "lease" && kind !== "state")) return;
    const envelope = decodeEnvelope(op.value);
    if (kind === "lease") this.#leaseWritten(op.key, envelope);
    else this.#dataWritten(op.key, envelope, before === undefined ? undefined : decodeEnvelope(before));
  };

  /** A grant reached its process. */
  granted(leaseKey: string, lease: Lease): void {
    const addressable = this.#addressable(leaseKey);
    const serial = addressable.serials.get(lease.grant) ?? 0;
    for (const other of addressable.returned) {
      const rises = other.serial < serial ? other.fence < lease.fence : other.fence > lease.fence;
      if (other.serial !== serial && !rises) {
        this.#world.violated(`(d) fences ${other.fence} and ${lease.fence} of grants ${other.serial} and ${serial}`);
      }
    }
    addressable.returned.push({ serial, fence: lease.fence });
    this.#grantedSince.add(leaseKey);
  }

  /** What a guarded read that begins now must show, unless it is deleted meanwhile. */
  due(dataKey: string): readonly string[] {
    const { acknowledged, deleted } = this.data(dataKey);
    return [...acknowledged].filter((id) => !deleted.has(id));
  }

  /** A guarded read reached its process. */
  touched(dataKey: string, leaseKey: string, grant: string, ids: readonly string[], due: readonly string[]): void {
    const data = this.data(dataKey);
    data.touched = Math.max(data.touched, this.#addressable(leaseKey).serials.get(grant) ?? 0);
    const missed = due.find((id) => !ids.includes(id) && !data.deleted.has(id));
    if (missed !== undefined) this.#world.violated(`(e) a guarded read of ${dataKey} did not show ${missed}`);
  }

  nextWrite(machine: Machine): string {
    return `${machine.name}.${++this.#writes}`;
  }

  acknowledge(dataKey: string, leaseKey: string, id: string): void {
    this.#world.log(`acknowledged ${id}`);
    this.acknowledged += 1;
    this.data(dataKey).acknowledged.add(id);
    if (this.#grantedSince.has(leaseKey)) this.#awaited.delete(leaseKey);
    this.#checkAcknowledged(dataKey);
  }

  refuse(dataKey: string, id: string): void {
    if (this.data(dataKey).ids.includes(id)) this.#world.violated(`(e) ${id} was refused and is there`);
    this.data(dataKey).refused.add(id);
  }

  /** (c): looked at after each event. */
  readonly check = (): void => {
    if (!this.#beliefs) return;
    const holders = new Map<string, string>();
    for (const { machine, leases } of this.believers) {
      if (!machine.alive) continue;
      for (const lease of leases) {
        if (!lease.isHeld()) {
          leases.delete(lease);
          continue;
        }
        const name = `${lease.reference.type} ${JSON.stringify(lease.reference.key)}`;
        const other = holders.get(name);
        const self = `${machine.name}/${lease.fence}`;
        if (other !== undefined) this.#world.violated(`(c) ${other} and ${self} both believe to hold ${name}`);
        holders.set(name, self);
      }
    }
  };

  /** (f): from now on each of these must be granted to somebody who then writes under it. */
  awaitProgress(leaseKeys: readonly string[]): void {
    this.#awaited = new Set(leaseKeys);
    this.#grantedSince.clear();
  }

  get progressed(): boolean {
    return this.#awaited.size === 0;
  }

  checkProgress(when: string): void {
    for (const key of this.#awaited) this.#world.violated(`(f) nobody could acquire ${key} and write ${when}`);
  }

  data(key: string): Data {
    let data = this.#data.get(key);
    if (data === undefined) {
      data = { touched: 0, ids: [], acknowledged: new Set(), deleted: new Set(), refused: new Set() };
      this.#data.set(key, data);
    }
    return data;
  }

  #addressable(key: string): Addressable {
    let addressable = this.#addressables.get(key);
    if (addressable === undefined) {
      addressable = { grants: 0, serials: new Map(), returned: [] };
      this.#addressables.set(key, addressable);
    }
    return addressable;
  }

  #leaseWritten(key: string, envelope: Envelope): void {
    if (envelope.tombstone || envelope.grant === undefined) return;
    const addressable = this.#addressable(key);
    const grant = hex(envelope.grant);
    if (addressable.serials.has(grant)) return;
    addressable.grants += 1;
    this.grants += 1;
    addressable.serials.set(grant, addressable.grants);
    if (!this.#beliefs) return;
    for (const { machine, leases } of this.believers) {
      if (!machine.alive) continue;
      for (const lease of leases) {
        // One's own grants may be superseded at any time, by rule 10.
        const taken = addressable.serials.has(lease.grant) && lease.isHeld() && !ownedBy(envelope, lease);
        if (taken) this.#world.violated(`(f) ${key} was taken from ${machine.name} while its lease was valid`);
      }
    }
  }

  #dataWritten(key: string, envelope: Envelope, before: Envelope | undefined): void {
    const data = this.data(key);
    const ids = idsOf(envelope);
    const claim =
      before === undefined ? ids.length === 0 : same(ids, data.ids) && before.tombstone === envelope.tombstone;
    const leaseKey = key.split("-").slice(0, 5).join("-").replace("-state-", "-lease-");
    const addressable = this.#addressable(leaseKey);
    const serial = addressable.serials.get(hex(envelope.grant ?? new Uint8Array(0))) ?? 0;
    if (!claim) {
      if (serial < data.touched) {
        this.#world.violated(`(a) grant ${serial} wrote ${key} after grant ${data.touched} had used it`);
      }
      if (this.#committed && serial < addressable.grants) {
        this.#world.violated(`(b) superseded grant ${serial} wrote ${key}, the latest is ${addressable.grants}`);
      }
      data.touched = Math.max(data.touched, serial);
    }
    // A claim deletes nothing: what it does not find, though it was acknowledged, is lost.
    if (envelope.tombstone && !claim) for (const id of data.ids) data.deleted.add(id);
    const refused = ids.find((id) => data.refused.has(id));
    if (refused !== undefined) this.#world.violated(`(e) ${refused} was refused and landed later`);
    if (new Set(ids).size < ids.length) this.#world.violated(`(e) a write was applied twice: ${ids.join(" ")}`);
    data.ids = ids;
    this.#checkAcknowledged(key);
  }

  #checkAcknowledged(key: string): void {
    const { ids, acknowledged, deleted } = this.data(key);
    for (const id of acknowledged) {
      if (!ids.includes(id) && !deleted.has(id)) this.#world.violated(`(e) acknowledged write ${id} of ${key} is lost`);
    }
  }
}

/** Knows which promises a scenario is held to. */
export function ghostOf(world: World, scenario: Scenario): Ghost {
  const { commit, honoursDeletes, stores, brokenClocks, suspends, wallSteps } = scenario;
  const committed = commit && honoursDeletes && stores < 3;
  // A wall clock that steps back while the machine sleeps hides the sleep from both clocks of the process.
  const beliefs = !brokenClocks && !(suspends && wallSteps);
  return new Ghost(world, committed, beliefs);
}

export function idsOf(envelope: Pick<Envelope, "body" | "tombstone">): readonly string[] {
  const text = envelope.tombstone ? "" : Buffer.from(envelope.body).toString("utf8");
  return text === "" ? [] : text.split(",");
}

function ownedBy(envelope: Envelope, { epoch }: Lease): boolean {
  return Buffer.from(envelope.body).includes(Buffer.from(epoch, "hex"));
}

function same(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((id, index) => id === b[index]);
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
