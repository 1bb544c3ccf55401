import {
  type AddressableDirectory,
  type ClusterMembership,
  createStore,
  directory,
  membership,
  type Store,
} from "../../src/index.ts";
import { Backend, type Applied } from "./backend.ts";
import { connect, type Script } from "./network.ts";
import type { Scenario } from "./scenario.ts";
import type { Machine, World } from "./world.ts";

export interface Backends {
  readonly members: Backend;
  readonly leases: Backend;
  readonly data: Backend;
}

/** The servers of a scenario: one for everything, leases apart from nodes, or all three apart. */
export function makeBackends(world: World, scenario: Scenario, applied: Applied): Backends {
  const make = (name: string): Backend =>
    new Backend(world, name, { ...scenario, rate: 1 + world.pick([-1, 0, 1]) * scenario.drift }, applied);
  const members = make("M");
  const leases = scenario.stores === 1 ? members : make("D");
  return { members, leases, data: scenario.stores === 3 ? make("X") : leases };
}

/** What one process holds of the code under test. */
export interface Opened {
  readonly members: ClusterMembership;
  readonly leases: AddressableDirectory;
  readonly data: Store;
}

export async function openStores(
  world: World,
  machine: Machine,
  backends: Backends,
  drift: number,
  script?: Script,
): Promise<Opened> {
  const stores = new Map<Backend, Store>();
  for (const backend of new Set(Object.values(backends))) {
    const { driver, settle } = connect(world, machine, backend, script);
    const options = { clock: machine.clock, random: world.random, operationTimeoutMs: 500 };
    stores.set(backend, await createStore(driver, options));
    settle();
  }
  const store = (backend: Backend): Store => stores.get(backend) as Store;
  const options = { maxClockDriftPpm: drift * 1_000_000 };
  const members = membership(store(backends.members), options);
  const leases = directory(store(backends.leases), { membership: members, ...options });
  return { members, leases, data: store(backends.data) };
}
