import type { StoreDriver } from "@orbit/persistence/driver";
import { type ManualClock, manualClock, type MapData, mapData, mapDriver } from "@orbit/persistence/testing";

import type { GroupId, Harness } from "../../src/index.ts";
import { type FullData, fullData, fullDriver } from "../full-driver.ts";

/** A store that breaks one law, and the groups of the kit that must turn red: the law's own first. */
export interface Faulty {
  /** The fault, as a sentence that ends "a store that …". */
  readonly name: string;
  readonly red: readonly GroupId[];
  /** Text of the laws that are run, where the fault can't reach the others. */
  readonly only?: string;
  harness(): Harness;
}

/** Few rounds are enough: a fault shows at once or is not found by chance. */
const SHORT = { scale: 0.2, timeoutMs: 3_000 };

/** What replaces methods of a sound driver; `undefined` takes one away. */
export type Fault = { readonly [Name in keyof StoreDriver]?: StoreDriver[Name] | undefined };

type Break<Data> = (driver: StoreDriver, data: Data, shared: Map<string, unknown>) => Fault;

/** Breaks `mapDriver`, the smallest driver. */
export function faultyMap(
  name: string,
  red: readonly GroupId[],
  fault: Break<MapData & { clock: ManualClock }>,
): Faulty {
  const harness = (): Harness => {
    const clock = manualClock();
    const data = { ...mapData(), clock };
    const shared = new Map<string, unknown>();
    const open = (): StoreDriver => {
      const driver = mapDriver({ data, clock });
      return broken(driver, fault(driver, data, shared));
    };
    return { name, ...SHORT, clock, open };
  };
  return { name, red, harness };
}

/** Breaks the driver that has every capability, on a clock that is moved. */
export function faultyFull(name: string, red: readonly GroupId[], fault: Break<FullData>): Faulty {
  const harness = (): Harness => {
    const data = fullData();
    const shared = new Map<string, unknown>();
    const open = (): StoreDriver => {
      const driver = fullDriver(data);
      return broken(driver, fault(driver, data, shared));
    };
    return { name, ...SHORT, clock: data.clock, open };
  };
  return { name, red, harness };
}

/**
 * Keys of the probe, of leases, nodes and guarded data stay sound: the store opens, and what stands on it is not to be shaken by
 * a fault that another group is there to find.
 */
export function isData(key: string): boolean {
  return !/-(probe|lease|node|floor|state)-/.test(key);
}

/** A driver some of whose methods are replaced. */
export function broken(sound: StoreDriver, fault: Fault): StoreDriver {
  const driver: StoreDriver = { ...sound };
  for (const [name, method] of Object.entries(fault)) {
    Object.defineProperty(driver, name, { value: method, enumerable: true });
  }
  return driver;
}
