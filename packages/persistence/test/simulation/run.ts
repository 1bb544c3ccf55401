import { type Ghost, ghostOf } from "./ghost.ts";
import { leaseKey, reference } from "./ledger.ts";
import { Process } from "./process.ts";
import { drawScenario, type Scenario } from "./scenario.ts";
import { type Backends, makeBackends, openStores } from "./stores.ts";
import { Machine, World } from "./world.ts";

export interface Outcome {
  readonly seed: number;
  readonly scenario: Scenario;
  readonly violation: string | undefined;
  readonly trace: readonly string[];
  readonly grants: number;
  readonly acknowledged: number;
  readonly events: number;
}

/** What is late, paused or waits to join when the faults stop has come to an end after so many ttls: a join waits for four. */
const SETTLING_TTLS = 6;
/** Two for an observer that has just started, the rest for the work on what was taken over. */
const PROGRESS_TTLS = 8;

/** Plays one seed; `change` overrides what the seed drew. */
export async function simulate(seed: number, change: Partial<Scenario> = {}): Promise<Outcome> {
  const world = new World(seed);
  return new Simulation(seed, world, { ...drawScenario(world), ...change }).play();
}

class Simulation {
  readonly #seed: number;
  readonly #world: World;
  readonly #scenario: Scenario;
  readonly #ghost: Ghost;
  readonly #backends: Backends;
  readonly #processes: Process[] = [];
  readonly #ids: readonly string[];
  #events = 0;

  constructor(seed: number, world: World, scenario: Scenario) {
    this.#seed = seed;
    this.#world = world;
    this.#scenario = scenario;
    this.#ghost = ghostOf(world, scenario);
    this.#backends = makeBackends(world, scenario, this.#ghost.applied);
    this.#ids = Array.from({ length: scenario.processes }, (_, n) => String.fromCharCode(65 + n));
  }

  async play(): Promise<Outcome> {
    const [seed, world, scenario, ghost] = [this.#seed, this.#world, this.#scenario, this.#ghost];
    for (const id of this.#ids) await this.#start(id);
    this.#scheduleTrouble();
    await world.run(scenario.faultyMs, this.#check);
    if (world.violation === undefined) await this.#playQuiet();
    for (const { machine } of this.#processes) machine.alive = false;
    const { violation, trace } = world;
    const { grants, acknowledged } = ghost;
    return { seed, scenario, violation, trace, grants, acknowledged, events: this.#events };
  }

  /** (f): without faults everybody gets on; and when all but one are killed, it gets what they held. */
  async #playQuiet(): Promise<void> {
    const [world, { ttlMs, brokenClocks }] = [this.#world, this.#scenario];
    world.log("-- quiet");
    world.faulty = false;
    if (this.#living().length === 0) await this.#start("A");
    await world.run(world.time + SETTLING_TTLS * ttlMs, this.#check);
    // With a clock at a tenth of time, a ttl takes ten.
    if (!brokenClocks) {
      await this.#progress("without faults");
      for (const { id } of this.#living()) this.#checkJoined(id);
    }
    if (world.violation !== undefined) return;
    const survivor = brokenClocks || world.chance(0.5) ? undefined : world.pick(this.#living());
    world.log(`-- all are killed but ${survivor?.machine.name ?? "a new one"}`);
    for (const { machine } of this.#living()) machine.alive = machine === survivor?.machine;
    if (survivor === undefined) await this.#start("Z", { rate: 1 });
    await this.#progress("after all others were killed");
  }

  async #progress(when: string): Promise<void> {
    const [world, ghost, { ttlMs, addressables }] = [this.#world, this.#ghost, this.#scenario];
    ghost.awaitProgress(Array.from({ length: addressables }, (_, n) => leaseKey(reference(n))));
    await world.run(world.time + PROGRESS_TTLS * ttlMs, () => this.#check() || ghost.progressed);
    if (world.violation === undefined) ghost.checkProgress(when);
  }

  /** One of the processes of each id is in the cluster; its twins wait. */
  #checkJoined(id: string): void {
    const joined = this.#living().some((each) => each.id === id && each.sessions.some((session) => session.isLive()));
    if (!joined) this.#world.violated(`(f) no process of node ${id} could join without faults`);
  }

  readonly #check = (): boolean => {
    this.#events += 1;
    this.#ghost.check();
    return false;
  };

  #living(): readonly Process[] {
    return this.#processes.filter(({ machine }) => machine.alive);
  }

  /** Starts a process, unless another one has been told that nobody else goes by its id. */
  async #start(id: string, options: { readonly rate?: number; readonly vouches?: boolean } = {}): Promise<void> {
    const [world, ghost, scenario] = [this.#world, this.#ghost, this.#scenario];
    if (this.#living().some((other) => other.id === id && other.vouches)) return;
    const drawn = scenario.brokenClocks ? world.pick([0.1, 1, 4]) : 1 + world.pick([-1, 0, 1]) * scenario.drift;
    const machine = new Machine(world, `${id}#${this.#processes.length + 1}`, options.rate ?? drawn);
    const vouches = options.vouches ?? false;
    const opened = await openStores(world, machine, this.#backends, scenario.drift);
    const process = new Process(world, ghost, scenario, { machine, id, vouches }, opened);
    this.#processes.push(process);
    ghost.believers.push(process);
    if (vouches) world.log(`${machine.name} replaces ${id}`);
    process.start();
  }

  #scheduleTrouble(): void {
    const [world, scenario] = [this.#world, this.#scenario];
    const living = (): Process | undefined => world.pick(this.#living()) as Process | undefined;
    const often = (enabled: boolean, everyMs: number, trouble: () => void): void => {
      if (!enabled) return;
      const again = (): void =>
        world.at(world.time + world.between(0, 2 * everyMs), () => {
          if (!world.faulty) return;
          trouble();
          again();
        });
      again();
    };
    often(scenario.crashes, 500, () => {
      const victim = living();
      if (victim === undefined) return;
      world.log(`${victim.machine.name} is killed`);
      victim.machine.alive = false;
      // Who replaces a live record vouches that nobody else goes by its id.
      const alone = !this.#living().some(({ id }) => id === victim.id);
      if (world.chance(0.7)) void this.#start(victim.id, { vouches: alone && world.chance(0.3) });
    });
    often(scenario.pauses, 300, () => {
      const ms = world.between(0, 500);
      const victim = living();
      world.log(`${victim?.machine.name} is paused for ${ms.toFixed(0)}`);
      victim?.machine.pause(ms);
    });
    often(scenario.suspends, 600, () => {
      const ms = world.between(0, 500);
      const victim = living();
      world.log(`${victim?.machine.name} is suspended for ${ms.toFixed(0)}`);
      victim?.machine.suspend(ms);
    });
    often(scenario.wallSteps, 400, () => living()?.machine.stepWall(world.between(-5_000, 5_000)));
    often(scenario.twins, 900, () => void this.#start(world.pick(this.#ids)));
  }
}
