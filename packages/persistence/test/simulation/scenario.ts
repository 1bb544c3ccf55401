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
  /** By every process when it likes, by one runner with a lease, or not at all. */
  readonly sweep: "each" | "runner" | "none";
  /** Each process is two nodes that join, acquire, renew and release in bulk. */
  readonly bulk: boolean;
  readonly clock: Capabilities["clock"];
  readonly commit: boolean;
  /** Only keys of one partition commit together. */
  readonly partitions: number;
  /** The stores issue the fences. */
  readonly fences: boolean;
  /** Reads of one turn go in one request. */
  readonly getMany: boolean;
  /** One store for everything, leases apart from nodes, or all three apart. */
  readonly stores: 1 | 2 | 3;
  readonly honoursDeletes: boolean;
  readonly crashes: boolean;
  /** Sessions are left on purpose. */
  readonly leaves: boolean;
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

/** Everything in one store, and nothing goes wrong. */
export const PLAIN: Scenario = {
  ttlMs: 300,
  drift: 0.1,
  processes: 2,
  addressables: 1,
  records: 1,
  ownTtl: 0,
  sweep: "none",
  bulk: false,
  clock: "server-ttl",
  commit: false,
  partitions: 1,
  fences: false,
  getMany: false,
  stores: 1,
  honoursDeletes: true,
  crashes: false,
  leaves: false,
  pauses: false,
  suspends: false,
  wallSteps: false,
  twins: false,
  brokenClocks: false,
  granularityMs: 1,
  faultyMs: 1_500,
};

export function drawScenario(world: World): Scenario {
  const { random } = world;
  const flag = (): boolean => random.number() < 0.5;
  return {
    ...PLAIN,
    processes: 2 + Math.floor(random.number() * 2),
    addressables: world.pick([1, 1, 2, 3]),
    records: world.pick([1, 1, 2]),
    ownTtl: world.pick([0, 0, 0.3]),
    sweep: world.pick(["each", "each", "runner", "none", "none"] as const),
    bulk: random.number() < 0.3,
    clock: world.pick(["server-ttl", "server-age", "observer"] as const),
    commit: flag(),
    partitions: world.pick([1, 1, 3]),
    fences: random.number() < 0.2,
    getMany: random.number() < 0.3,
    stores: world.pick([1, 2, 3] as const),
    honoursDeletes: random.number() < 0.8,
    crashes: flag(),
    leaves: random.number() < 0.3,
    pauses: flag(),
    suspends: flag(),
    wallSteps: flag(),
    twins: random.number() < 0.3,
    brokenClocks: random.number() < 0.25,
    granularityMs: world.pick([1, 1, 80]),
  };
}
