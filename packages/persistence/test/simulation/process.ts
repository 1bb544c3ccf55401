import {
  type AddressableDirectory,
  type AddressableReference,
  type ClusterMembership,
  createStore,
  directory,
  guarded,
  int32Key,
  type Lease,
  membership,
  type Store,
  StoreError,
  sweepGuarded,
} from "../../src/index.ts";
import { sleep } from "../../src/runtime/wait.ts";
import { connect, type Backend } from "./backend.ts";
import { type Believer, type Ghost, idsOf } from "./ghost.ts";
import type { Scenario } from "./scenario.ts";
import type { Machine, World } from "./world.ts";

export interface Backends {
  readonly members: Backend;
  readonly leases: Backend;
  readonly data: Backend;
}

/** One process: joins, takes addressables, works on their data, sweeps, and goes on after every typed error. */
export class Process implements Believer {
  readonly machine: Machine;
  readonly id: string;
  readonly leases = new Set<Lease>();
  session: Believer["session"];
  readonly #world: World;
  readonly #ghost: Ghost;
  readonly #scenario: Scenario;
  #writes = 0;
  #turns = 0;

  constructor(world: World, ghost: Ghost, scenario: Scenario, machine: Machine, id: string) {
    this.#world = world;
    this.#ghost = ghost;
    this.#scenario = scenario;
    this.machine = machine;
    this.id = id;
  }

  async start(backends: Backends, replace: boolean): Promise<void> {
    const stores = new Map<Backend, Store>();
    for (const backend of new Set(Object.values(backends))) {
      const { driver, settle } = connect(this.#world, this.machine, backend);
      const { clock } = this.machine;
      stores.set(backend, await createStore(driver, { clock, random: this.#world.random, operationTimeoutMs: 500 }));
      settle();
    }
    const store = (backend: Backend): Store => stores.get(backend) as Store;
    const options = { maxClockDriftPpm: this.#scenario.drift * 1_000_000 };
    const members = membership(store(backends.members), options);
    const leases = directory(store(backends.leases), { membership: members, ...options });
    void this.#live(members, leases, store(backends.data), replace);
    if (this.#scenario.sweep) void this.#repeat(150, () => this.#sweep(members, leases, store(backends.data)));
  }

  async #live(members: ClusterMembership, leases: AddressableDirectory, data: Store, replace: boolean): Promise<void> {
    const { clock } = this.machine;
    let vouched = replace;
    await this.#repeat(5, async () => {
      const deadline = clock.now() + 4 * this.#scenario.ttlMs;
      const node = { id: this.id, ttlMs: this.#scenario.ttlMs };
      const session = await members.join(node, { deadline, replace: vouched });
      vouched = false;
      this.session = session;
      this.#world.log(`${this.machine.name} joined as ${session.epoch.slice(0, 6)}`);
      while (session.isLive()) await this.#turn(() => this.#work(leases, data));
      this.#world.log(`${this.machine.name} ended ${session.epoch.slice(0, 6)}`);
    });
  }

  async #work(leases: AddressableDirectory, data: Store): Promise<void> {
    const { machine, session } = this;
    if (session === undefined) return;
    const { addressables } = this.#scenario;
    // In quiet, in turns: each must be had by somebody.
    const number = this.#world.faulty
      ? Math.floor(this.#world.random.number() * addressables)
      : this.#turns++ % addressables;
    const reference = { type: "t", key: int32Key(number) };
    const ttl = this.#world.chance(this.#scenario.ownTtl) ? { ttlMs: this.#scenario.ttlMs / 2 } : {};
    const acquired = await leases.acquire(reference, session, ttl);
    if (!acquired.ok) return;
    const { lease } = acquired;
    this.leases.add(lease);
    this.#world.log(`${machine.name} granted ${keyOf(reference)} fence ${lease.fence} ${lease.grant.slice(0, 6)}`);
    this.#ghost.granted(leaseKey(reference), lease);
    const steps = 1 + Math.floor(this.#world.random.number() * 3);
    try {
      for (let step = 0; step < steps; step += 1) {
        await this.#use(data, lease);
        if (lease.ttlMs !== undefined && this.#world.chance(0.5)) await lease.renew();
        if (this.#world.chance(0.5)) await sleep(machine.clock, this.#world.between(0, 60));
      }
    } finally {
      if (this.#world.chance(0.8)) await lease.release();
      this.leases.delete(lease);
    }
  }

  /** Appends to a list, or deletes it: a lost, doubled or late write shows in what the list holds. */
  async #use(store: Store, lease: Lease): Promise<void> {
    const name = `r${Math.floor(this.#world.random.number() * this.#scenario.records)}`;
    const dataKey = `${leaseKey(lease.reference).replace("-lease-", "-state-")}-${name}`;
    // No look at the belief: the guard must hold for a process that does not know yet.
    const data = guarded(store, lease);
    const before = await data.get(name);
    this.#ghost.touch(dataKey, leaseKey(lease.reference), lease.grant);
    if (this.#world.chance(0.2)) {
      await data.delete(name);
      return;
    }
    const id = `${this.machine.name}.${++this.#writes}`;
    const ids = [...idsOf({ body: before ?? new Uint8Array(0), tombstone: false }), id];
    try {
      await data.put(name, Buffer.from(ids.join(",")));
      this.#world.log(`${this.machine.name} acknowledged ${id}`);
      this.#ghost.acknowledge(dataKey, id);
    } catch (error) {
      if (StoreError.is(error) && error.outcome === "none") this.#ghost.refuse(dataKey, id);
      throw error;
    }
  }

  async #sweep(members: ClusterMembership, leases: AddressableDirectory, data: Store): Promise<void> {
    await members.sweep();
    await leases.sweep();
    await sweepGuarded(data, { graceMs: 20 });
    await sleep(this.machine.clock, this.#world.between(0, 150));
  }

  async #repeat(pauseMs: number, turn: () => Promise<void>): Promise<void> {
    while (this.machine.alive) {
      await this.#turn(turn);
      await sleep(this.machine.clock, this.#world.between(0, pauseMs));
    }
  }

  /** Runs a turn; a typed error ends it, any other is a defect. */
  async #turn(turn: () => Promise<void>): Promise<void> {
    try {
      await turn();
    } catch (error) {
      if (!StoreError.is(error) || error.code === "INTERNAL" || error.code === "CORRUPT") {
        this.#world.violated(`${this.machine.name} met ${error instanceof Error ? error.stack : String(error)}`);
      } else {
        this.#world.log(`${this.machine.name} ${error.message}`);
      }
    }
    await sleep(this.machine.clock, this.#world.between(0, 10));
  }
}

function keyOf({ key }: AddressableReference): string {
  return key.kind === "int32" ? String(key.value) : "";
}

export function leaseKey(reference: AddressableReference): string {
  const value = reference.key.kind === "int32" ? reference.key.value : 0;
  return `orbit-lease-default-t-i${(value + 2 ** 31).toString(16)}`;
}
