import { Backend, type BackendRules } from "./backend.ts";
import { Ghost } from "./ghost.ts";
import { type Backends, Process } from "./process.ts";
import { drawScenario, type Scenario } from "./scenario.ts";
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

const QUIET_TTLS = 8;

/** Plays one seed; `change` overrides what the seed drew. */
export async function simulate(seed: number, change: Partial<Scenario> = {}): Promise<Outcome> {
  const world = new World(seed);
  const scenario = { ...drawScenario(world), ...change };
  const committed = scenario.commit && scenario.honoursDeletes && scenario.stores < 3;
  // A wall clock that steps back while the machine sleeps hides the sleep from both clocks of the process.
  const beliefs = !scenario.brokenClocks && !(scenario.suspends && scenario.wallSteps);
  const ghost = new Ghost(world, committed, beliefs);
  const backends = makeBackends(world, scenario, ghost);
  let events = 0;
  let started = 0;
  const start = async (id: string, replace = false): Promise<void> => {
    const rate = scenario.brokenClocks ? world.pick([0.1, 1, 4]) : 1 + world.pick([-1, 0, 1]) * scenario.drift;
    const machine = new Machine(world, `${id}#${++started}`, rate);
    const process = new Process(world, ghost, scenario, machine, id);
    ghost.believers.push(process);
    await process.start(backends, replace);
  };
  const ids = Array.from({ length: scenario.processes }, (_, n) => String.fromCharCode(65 + n));
  for (const id of ids) await start(id);
  scheduleTrouble(world, scenario, ghost, ids, start);
  const check = (): void => {
    events += 1;
    ghost.check();
  };
  await world.run(scenario.faultyMs, check);
  world.log("-- quiet");
  world.faulty = false;
  if (!ghost.believers.some(({ machine }) => machine.alive)) await start("A");
  if (world.violation === undefined) await world.run(scenario.faultyMs + QUIET_TTLS * scenario.ttlMs, check);
  // With a clock at a tenth of time, a ttl takes ten.
  if (world.violation === undefined && !scenario.brokenClocks) ghost.checkLiveness();
  for (const { machine } of ghost.believers) machine.alive = false;
  const { violation, trace } = world;
  return { seed, scenario, violation, trace, grants: ghost.grants, acknowledged: ghost.acknowledged, events };
}

function makeBackends(world: World, scenario: Scenario, ghost: Ghost): Backends {
  const { clock, commit, honoursDeletes, stores, drift, granularityMs } = scenario;
  const make = (name: string): Backend => {
    const rules: BackendRules = {
      clock,
      commit,
      honoursDeletes,
      rate: 1 + world.pick([-1, 0, 1]) * drift,
      granularityMs,
    };
    return new Backend(world, name, rules, ghost.applied);
  };
  const members = make("M");
  const leases = stores === 1 ? members : make("D");
  return { members, leases, data: stores === 3 ? make("X") : leases };
}

function scheduleTrouble(
  world: World,
  scenario: Scenario,
  ghost: Ghost,
  ids: readonly string[],
  start: (id: string, replace?: boolean) => Promise<void>,
): void {
  const living = (): Process | undefined =>
    world.pick(ghost.believers.filter(({ machine }) => machine.alive)) as Process | undefined;
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
    const alone = !ghost.believers.some(({ machine, id }) => machine.alive && id === victim.id);
    if (world.chance(0.7)) void start(victim.id, alone && world.chance(0.3));
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
  often(scenario.twins, 900, () => void start(world.pick(ids)));
}
