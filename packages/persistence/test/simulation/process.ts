import {
  type AddressableDirectory,
  type ClusterMembership,
  type Lease,
  type NodeSession,
  type Store,
  StoreError,
  startSweeper,
  type Sweeper,
  type SweepReport,
  sweepGuarded,
} from "../../src/index.ts";
import { sleep } from "../../src/runtime/wait.ts";
import type { Believer, Ghost } from "./ghost.ts";
import { Ledger, leaseKey, reference } from "./ledger.ts";
import type { Scenario } from "./scenario.ts";
import type { Opened } from "./stores.ts";
import type { Machine, World } from "./world.ts";

/** One process: joins, takes addressables, works on their data, sweeps, and goes on after every typed error. */
export class Process implements Believer {
  readonly machine: Machine;
  readonly id: string;
  readonly leases = new Set<Lease>();
  /** It was told to replace live records of its ids, and has not joined yet: nobody else may start under them. */
  vouches: boolean;
  sessions: readonly NodeSession[] = [];
  readonly #world: World;
  readonly #ghost: Ghost;
  readonly #scenario: Scenario;
  readonly #members: ClusterMembership;
  readonly #leases: AddressableDirectory;
  readonly #data: Store;
  #turns = 0;

  constructor(
    world: World,
    ghost: Ghost,
    scenario: Scenario,
    init: { readonly machine: Machine; readonly id: string; readonly vouches: boolean },
    { members, leases, data }: Opened,
  ) {
    this.#world = world;
    this.#ghost = ghost;
    this.#scenario = scenario;
    this.machine = init.machine;
    this.id = init.id;
    this.vouches = init.vouches;
    this.#members = members;
    this.#leases = leases;
    this.#data = data;
  }

  start(): void {
    void this.#repeat(5, () => this.#live());
    if (this.#scenario.sweep === "each") {
      void this.#repeat(150, async () => {
        await this.#sweep();
        await sleep(this.machine.clock, this.#world.between(0, 150));
      });
    }
  }

  /** One life: from joining until the first of its sessions ends. */
  async #live(): Promise<void> {
    const world = this.#world;
    const sessions = await this.#join();
    this.vouches = false;
    this.sessions = sessions;
    for (const { id, epoch } of sessions) world.log(`${this.machine.name} joined ${id} as ${epoch.slice(0, 6)}`);
    const sweeper = this.#scenario.sweep === "runner" ? this.#startSweeper(world.pick(sessions)) : undefined;
    while (sessions.every((session) => session.isLive())) {
      await this.#turn(() => this.#work(this.#next(sessions, this.#scenario.addressables)));
      const leaves = this.#scenario.leaves && world.faulty && world.chance(0.05);
      if (leaves) await this.#turn(() => world.pick(sessions).leave());
    }
    for (const { id, epoch } of sessions) world.log(`${this.machine.name} ended ${id} ${epoch.slice(0, 6)}`);
    await sweeper?.stop();
    if (sessions.length > 1) this.#settled(await this.#members.leaveMany(sessions));
  }

  async #join(): Promise<readonly NodeSession[]> {
    const { ttlMs, bulk } = this.#scenario;
    const options = { deadline: this.machine.clock.now() + 4 * ttlMs, replace: this.vouches };
    if (!bulk) return [await this.#members.join({ id: this.id, ttlMs }, options)];
    const ids = [this.id, `${this.id}x`];
    const answers = await this.#members.joinMany(
      ids.map((id) => ({ id, ttlMs })),
      options,
    );
    const joined = answers.filter((answer): answer is NodeSession => !StoreError.is(answer));
    const failed = answers.find((answer) => StoreError.is(answer));
    if (joined.length === 0 && failed !== undefined) throw failed;
    // A twin may have the other id; to wait for it while holding one would make both wait for ever.
    return joined;
  }

  /** One of them; in quiet each in turn, which is kept for `turns` of them, so that none is left out by chance. */
  #next<T>(items: readonly T[], turns: number): T {
    if (this.#world.faulty) return this.#world.pick(items);
    return items[Math.floor(this.#turns / turns) % items.length] as T;
  }

  async #work(session: NodeSession): Promise<void> {
    const world = this.#world;
    const leases = await this.#acquire(session);
    this.#turns += 1;
    const ledgers = leases.map((lease) => this.#open(lease));
    const steps = world.faulty ? 1 + Math.floor(world.random.number() * 3) : leases.length;
    try {
      for (let step = 0; step < steps && leases.length > 0; step += 1) {
        const at = world.faulty ? Math.floor(world.random.number() * leases.length) : step % leases.length;
        // What an earlier opening knows of the records may be out of date.
        if (world.chance(0.5)) ledgers[at] = this.#open(leases[at] as Lease);
        await this.#use(ledgers[at] as Ledger);
        if (world.chance(0.5)) await this.#renew(leases);
        if (world.chance(0.5)) await sleep(this.machine.clock, world.between(0, 60));
      }
    } finally {
      // A lease that is kept goes on being believed in: until its node ends, or acquires it again.
      if (world.chance(0.8)) await this.#release(leases);
    }
  }

  async #acquire(session: NodeSession): Promise<readonly Lease[]> {
    const world = this.#world;
    const { addressables, ownTtl, ttlMs, bulk } = this.#scenario;
    const options = world.chance(ownTtl) ? { ttlMs: ttlMs / 2 } : {};
    const first = this.#next([...Array(addressables).keys()], 1);
    const count = bulk ? 1 + Math.floor(world.random.number() * addressables) : 1;
    const references = Array.from({ length: count }, (_, n) => reference((first + n) % addressables));
    // Who acquires what it has already must not go on believing in the lease from before, by rule 10.
    const keys = references.map(leaseKey);
    for (const lease of this.leases) {
      if (lease.epoch === session.epoch && keys.includes(leaseKey(lease.reference))) this.leases.delete(lease);
    }
    const answers = bulk
      ? await this.#leases.acquireMany(references, session, options)
      : [await this.#leases.acquire(reference(first), session, options)];
    const leases: Lease[] = [];
    for (const answer of this.#settled(answers)) {
      if (!answer.ok) continue;
      const { lease } = answer;
      const key = leaseKey(lease.reference);
      world.log(`${this.machine.name} granted ${key} fence ${lease.fence} ${lease.grant.slice(0, 6)}`);
      this.leases.add(lease);
      this.#ghost.granted(key, lease);
      leases.push(lease);
    }
    return leases;
  }

  #open(lease: Lease): Ledger {
    return new Ledger(this.#ghost, this.machine, this.#data, lease);
  }

  async #use(ledger: Ledger): Promise<void> {
    const world = this.#world;
    const record = `r${Math.floor(world.random.number() * this.#scenario.records)}`;
    const ids = await ledger.read(record);
    const next = world.faulty ? world.pick(["append", "append", "append", "delete", "nothing"] as const) : "append";
    if (next === "append") await ledger.append(record, ids);
    if (next === "delete") await ledger.delete(record);
  }

  async #renew(leases: readonly Lease[]): Promise<void> {
    if (this.#scenario.bulk && this.#world.chance(0.5)) {
      this.#settled(await this.#leases.renewMany(leases));
      this.#settled(await this.#members.renewMany(this.sessions));
    } else {
      for (const lease of leases) if (lease.ttlMs !== undefined) await lease.renew();
    }
  }

  async #release(leases: readonly Lease[]): Promise<void> {
    try {
      if (this.#scenario.bulk) this.#settled(await this.#leases.releaseMany(leases));
      else for (const lease of leases) await lease.release();
    } finally {
      for (const lease of leases) this.leases.delete(lease);
    }
  }

  async #sweep(signal?: AbortSignal): Promise<SweepReport> {
    const options = this.#world.chance(0.3) ? { signal, budget: 2 } : { signal };
    await this.#members.sweep(options);
    await sweepGuarded(this.#data, { graceMs: 20, ...options });
    return this.#leases.sweep(options);
  }

  #startSweeper(session: NodeSession): Sweeper {
    return startSweeper({
      session,
      lock: this.#leases,
      sweep: (signal) => this.#sweep(signal),
      intervalMs: 150,
      onError: (error) => this.#met(error),
      clock: this.machine.clock,
      random: this.#world.random,
    });
  }

  async #repeat(pauseMs: number, turn: () => Promise<void>): Promise<void> {
    while (this.machine.alive) {
      await this.#turn(turn);
      await sleep(this.machine.clock, this.#world.between(0, pauseMs));
    }
  }

  async #turn(turn: () => Promise<void>): Promise<void> {
    try {
      await turn();
    } catch (error) {
      this.#met(error);
    }
    await sleep(this.machine.clock, this.#world.between(0, 10));
  }

  /** What a bulk call did; its errors are met like thrown ones. */
  #settled<T>(answers: readonly (T | StoreError)[]): readonly T[] {
    return answers.filter((answer): answer is T => {
      if (!StoreError.is(answer)) return true;
      this.#met(answer);
      return false;
    });
  }

  /** A typed error is part of life, any other is a defect. */
  #met(error: unknown): void {
    if (!StoreError.is(error) || error.code === "INTERNAL" || error.code === "CORRUPT") {
      this.#world.violated(`${this.machine.name} met ${error instanceof Error ? error.stack : String(error)}`);
    } else {
      this.#world.log(`${this.machine.name} ${error.message}`);
    }
  }
}
