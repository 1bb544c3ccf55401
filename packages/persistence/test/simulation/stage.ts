import { type Lease, type NodeSession, StoreError, sweepGuarded } from "../../src/index.ts";
import { type Believer, type Ghost, ghostOf } from "./ghost.ts";
import { Ledger, leaseKey, reference } from "./ledger.ts";
import type { Message, Script } from "./network.ts";
import { PLAIN, type Scenario } from "./scenario.ts";
import { type Backends, makeBackends, type Opened, openStores } from "./stores.ts";
import { Machine, World } from "./world.ts";

const PATIENCE_MS = 2_000;

/** A simulated world in which a script, not chance, decides in which order requests arrive. */
export class Stage {
  readonly world = new World(1);
  readonly scenario: Scenario;
  readonly ghost: Ghost;
  readonly #backends: Backends;

  constructor(change: Partial<Scenario>) {
    this.world.faulty = false;
    // Scripts end a life from elsewhere, which its process must find out by the guards alone.
    this.scenario = { ...PLAIN, brokenClocks: true, ...change };
    this.ghost = ghostOf(this.world, this.scenario);
    this.#backends = makeBackends(this.world, this.scenario, this.ghost.applied);
  }

  /** Starts a process and lets it join. */
  async start(id: string, ttlMs = 60_000): Promise<Actor> {
    const actor = new Actor(this, new Machine(this.world, id, 1), id);
    const opened = await openStores(this.world, actor.machine, this.#backends, this.scenario.drift, actor);
    await actor.join(opened, ttlMs);
    return actor;
  }

  /** Lets time pass until the work is done. */
  async wait<T>(work: Promise<T>): Promise<T> {
    let settled = false;
    const settle = (): void => void (settled = true);
    work.then(settle, settle);
    await this.until(() => settled);
    return work;
  }

  async pass(ms: number): Promise<void> {
    const end = this.world.time + ms;
    this.world.at(end, () => undefined);
    await this.until(() => this.world.time >= end);
  }

  async until(done: () => boolean): Promise<void> {
    // What the script has just done goes on as far as it can before time does.
    await new Promise<void>((resolve) => setImmediate(resolve));
    let over = done();
    if (!over) await this.world.run(this.world.time + PATIENCE_MS, () => (over = done()));
    if (!over) throw new Error("the script waits for what does not come");
  }

  /** A life that nothing has ended must be there to be renewed: without its record its addressables are free to take. */
  async stands({ session }: Actor): Promise<void> {
    const stands = await this.wait(session.renew()).then(
      () => true,
      (error: unknown) => {
        if (StoreError.is(error) && error.code === "LEASE_LOST") return false;
        throw error;
      },
    );
    if (!stands) this.world.violated("(f) the record of a live node is gone");
  }

  /** The work of a superseded grant, or of a node that was judged dead, must end in `LEASE_LOST`. */
  async refused(work: Promise<unknown>): Promise<void> {
    const lost = await this.wait(work).then(
      () => false,
      (error: unknown) => {
        if (StoreError.is(error) && error.code === "LEASE_LOST") return true;
        throw error;
      },
    );
    if (!lost) this.world.violated("(f) what is over was not refused");
  }
}

/** A request that the script holds. */
export interface Held {
  /** Waits until it has been made, or until the work that would make it is done without. */
  made(work?: Promise<unknown>): Promise<boolean>;
  land(): void;
  lose(): void;
}

export class Actor implements Believer, Script {
  readonly timeoutMs = 400;
  readonly id: string;
  readonly machine: Machine;
  readonly leases = new Set<Lease>();
  readonly #stage: Stage;
  readonly #waiting: { readonly start: string; skip: number; readonly take: (message: Message) => void }[] = [];
  #opened: Opened | undefined;
  #session: NodeSession | undefined;

  constructor(stage: Stage, machine: Machine, id: string) {
    this.#stage = stage;
    this.machine = machine;
    this.id = id;
  }

  get session(): NodeSession {
    if (this.#session === undefined) throw new Error(`${this.id} has not joined`);
    return this.#session;
  }

  get opened(): Opened {
    if (this.#opened === undefined) throw new Error(`${this.id} has not joined`);
    return this.#opened;
  }

  async join(opened: Opened, ttlMs: number): Promise<void> {
    this.#opened = opened;
    const node = { id: this.id, ttlMs };
    this.#session = await this.#stage.wait(opened.members.join(node, { heartbeat: false }));
    this.#stage.ghost.believers.push(this);
  }

  /** Holds the next request that starts so, after letting `skip` of them go. */
  hold(start: string, skip = 0): Held {
    let message: Message | undefined;
    this.#waiting.push({ start, skip, take: (found) => (message = found) });
    const found = (): Message => {
      if (message === undefined) throw new Error(`"${start}" has not been sent`);
      return message;
    };
    return {
      made: async (work) => {
        let over = false;
        void work?.then(() => (over = true));
        await this.#stage.until(() => message !== undefined || over);
        return message !== undefined;
      },
      land: () => found().arrive(),
      lose: () => found().giveUp(),
    };
  }

  intercept(message: Message): boolean {
    const index = this.#waiting.findIndex(({ start }) => message.what.startsWith(start));
    const waiting = this.#waiting[index];
    if (waiting === undefined || waiting.skip-- > 0) return false;
    this.#waiting.splice(index, 1);
    waiting.take(message);
    return true;
  }

  async take(): Promise<Ledger> {
    const { leases, data } = this.opened;
    const acquired = await leases.acquire(reference(0), this.session);
    if (!acquired.ok) throw new Error(`${this.id} was refused`);
    const { lease } = acquired;
    this.leases.add(lease);
    this.#stage.ghost.granted(leaseKey(lease.reference), lease);
    return new Ledger(this.#stage.ghost, this.machine, data, lease);
  }

  /** Ends the life of another process from outside. */
  async ends({ session }: Actor): Promise<void> {
    await this.#stage.wait(this.opened.members.leave(session));
  }

  sweepData(): Promise<unknown> {
    return sweepGuarded(this.opened.data, { graceMs: 20 });
  }

  async sweep(): Promise<void> {
    await this.#stage.pass(50);
    await this.#stage.wait(this.sweepData());
    await this.#stage.wait(this.opened.leases.sweep());
  }
}
