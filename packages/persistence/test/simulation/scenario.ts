import type { Capabilities } from "../../src/index.ts";
import type { World } from "./world.ts";

/** What one seed plays: drawn from it, and cut down by the shrinker. */
export interface Scenario {
  readonly ttlMs: number;
  /** How far clock rates are off, as a share. */
  readonly drift: number;
  readonly processes: number;
  readonly addressables: number;
  readonly records: number;
  /** Share of leases with a ttl of their own. */
  readonly ownTtl: number;
  readonly sweep: boolean;
  readonly clock: Capabilities["clock"];
  readonly commit: boolean;
  /** One store for everything, leases apart from nodes, or all three apart. */
  readonly stores: 1 | 2 | 3;
  readonly honoursDeletes: boolean;
  readonly crashes: boolean;
  readonly pauses: boolean;
  readonly suspends: boolean;
  readonly wallSteps: boolean;
  readonly twins: boolean;
  /** Clocks that run at a fraction or a multiple of time: beliefs are worth nothing then, guarded data must be. */
  readonly brokenClocks: boolean;
  /** The step in which the stores tell ages. */
  readonly granularityMs: number;
  readonly faultyMs: number;
}

export function drawScenario(world: World): Scenario {
  const { random } = world;
  const flag = (): boolean => random.number() < 0.5;
  return {
    ttlMs: 300,
    drift: 0.1,
    processes: 2 + Math.floor(random.number() * 2),
    addressables: world.pick([1, 1, 2, 3]),
    records: world.pick([1, 1, 2]),
    ownTtl: world.pick([0, 0, 0.3]),
    sweep: flag(),
    clock: world.pick(["server-ttl", "server-age", "observer"] as const),
    commit: flag(),
    stores: world.pick([1, 2, 3] as const),
    honoursDeletes: random.number() < 0.8,
    crashes: flag(),
    pauses: flag(),
    suspends: flag(),
    wallSteps: flag(),
    twins: random.number() < 0.3,
    brokenClocks: random.number() < 0.25,
    granularityMs: world.pick([1, 1, 80]),
    faultyMs: 1_500,
  };
}
