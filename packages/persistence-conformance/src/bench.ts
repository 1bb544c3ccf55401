import { randomBytes } from "node:crypto";

import {
  type Capabilities,
  type Clock,
  createStore,
  type Entry,
  type Layer,
  type Random,
  type Store,
  type StoreOptions,
} from "@orbit/persistence";
import { type Around, compose, type StoreDriver, wrapDriver } from "@orbit/persistence/driver";
import { seededRandom } from "@orbit/persistence/testing";

import type { Faults, Harness } from "./harness.ts";
import type { LayerUnderProof } from "./layers.ts";

/** Where a law is proved: at the driver as written, or through the store that applications hold. */
export type Level = "driver" | "store";

/** What driver and store have in common, so that one law is proved at both. */
export type Keyed = Pick<StoreDriver, "get" | "put" | "delete" | "scan">;

export interface BenchInit {
  readonly harness: Harness;
  readonly level: Level;
  readonly capabilities: Capabilities;
  readonly layers: readonly LayerUnderProof[];
  readonly seed: number;
}

/** Changes a driver before a store is made over it. */
export type Wrap = (driver: StoreDriver) => StoreDriver;

/** What stands between a store and the driver. */
export interface Between {
  readonly wrap?: Wrap;
  /** Sees every call that reaches the driver. */
  readonly around?: Around;
  /** The driver reaches its backend through the link that faults break. */
  readonly linked?: boolean;
}

const SCOPE_FACTOR = { process: 1, host: 0.5, cluster: 0.25 } as const;

/** What one law stands on: fresh keys, new instances over the one backend, and their end. */
export class Bench {
  readonly harness: Harness;
  readonly level: Level;
  readonly capabilities: Capabilities;
  readonly #layers: readonly LayerUnderProof[];
  readonly seed: number;
  readonly random: Random;
  /** Drawn anew for each law: nothing of another law or another run is under it. */
  readonly namespace: string = `conformance-${randomBytes(8).toString("hex")}`;
  readonly #opened: { close(): Promise<void> }[] = [];
  #values = 0;

  constructor(init: BenchInit) {
    this.harness = init.harness;
    this.level = init.level;
    this.capabilities = init.capabilities;
    this.#layers = init.layers;
    this.seed = init.seed;
    this.random = seededRandom(init.seed);
  }

  /** Fresh layers of this run, on the clock of the store that they are for. */
  layers(clock?: Clock): readonly Layer[] {
    return this.#layers.map(({ make }) => make(clock));
  }

  /** A new instance at the law's level, open. */
  async keyed(between: Pick<Between, "linked"> = {}): Promise<Keyed> {
    return this.level === "store" ? this.store({}, between) : this.driver(between);
  }

  /** As {@link keyed}, for laws about streams of changes. */
  async watching(between: Pick<Between, "linked"> = {}): Promise<Keyed & Pick<StoreDriver, "watch" | "close">> {
    return this.level === "store" ? this.store({}, between) : this.driver(between);
  }

  /** A new driver instance, open, through the layers of this run. */
  async driver(between: Pick<Between, "linked"> = {}): Promise<StoreDriver> {
    const driver = compose(await this.raw(between), this.layers());
    await driver.open();
    return driver;
  }

  /** What breaks the link; for laws that need a fault, which are proved only where it is given. */
  get faults(): Faults {
    const { faults } = this.harness;
    if (faults === undefined) throw new Error("unreachable: a law that needs a fault says so");
    return faults;
  }

  /** A new driver instance, not open. It is closed with the bench. */
  async raw({ linked = false }: Pick<Between, "linked"> = {}): Promise<StoreDriver> {
    const driver = await this.#make(linked);
    this.#opened.push(driver);
    return driver;
  }

  /** A new store over a new driver instance. */
  async store(options: StoreOptions = {}, { wrap, around, linked = false }: Between = {}): Promise<Store> {
    const raw = await this.#make(linked);
    const breathing = wrapDriver(raw, breathe());
    const wrapped = wrap === undefined ? breathing : wrap(breathing);
    const driver = around === undefined ? wrapped : wrapDriver(wrapped, around);
    // From here on the store owns the driver, also when it refuses to open.
    const store = await createStore(driver, {
      namespace: this.namespace,
      layers: this.layers(options.clock),
      ...options,
    });
    this.#opened.push(store);
    return store;
  }

  /** A key of this law's own: as it is through a store, whose namespace keeps it apart, prefixed at a driver. */
  key(name: string): string {
    return this.level === "store" ? name : `${this.namespace}-${name}`;
  }

  /**
   * The bytes of a text. Drivers see no two equal values, as from the core, since a version may be a hash of the bytes.
   */
  value(text: string): Uint8Array {
    return Buffer.from(this.level === "store" ? text : `${text}\n${(this.#values += 1)}`);
  }

  /** The text of an entry's value; `undefined` for no entry. */
  text(entry: Pick<Entry, "value"> | undefined): string | undefined {
    if (entry === undefined) return undefined;
    const text = Buffer.from(entry.value).toString();
    return this.level === "store" ? text : text.slice(0, Math.max(text.lastIndexOf("\n"), 0));
  }

  /** So many rounds on an in-process driver at scale 1; fewer where each costs a round trip. */
  rounds(count: number, least = 2): number {
    return Math.max(least, Math.round(count * SCOPE_FACTOR[this.capabilities.scope] * (this.harness.scale ?? 1)));
  }

  /** Closes all that was opened, the latest first. */
  async close(): Promise<void> {
    const failures: unknown[] = [];
    for (const opened of this.#opened.splice(0).reverse()) {
      await opened.close().catch((error: unknown) => failures.push(error));
    }
    if (failures.length === 1) throw failures[0];
    if (failures.length > 1) throw new AggregateError(failures, "several instances failed to close");
  }

  async #make(linked: boolean): Promise<StoreDriver> {
    return linked ? this.faults.open() : this.harness.open();
  }
}

/**
 * Lets timers fire now and then: what tries again for ever over a broken in-process driver would otherwise never give the
 * law's own limit a chance to strike.
 */
function breathe(): Around {
  let calls = 0;
  return async (_call, options, run) => {
    calls += 1;
    if (calls % 256 === 0) await turn();
    return run(options);
  };
}

/** Runs `work` for each item, all at once. */
export function all<T, R>(items: Iterable<T>, work: (item: T, index: number) => Promise<R>): Promise<R[]> {
  return Promise.all([...items].map(work));
}

/** The numbers from 0 to `count` - 1. */
export function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}

/** Lets other work that is ready go first: one turn of the event loop. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
