import { channel } from "node:diagnostics_channel";

import { type Health, type HealthMessage, type Store, StoreError, systemClock } from "@orbit/persistence";

export interface Readiness {
  /** Whether calls are to be sent here: every store answers, and no stop was asked for. */
  readonly ready: boolean;
  readonly draining: boolean;
  /** The last check of each store, by its name. */
  readonly stores: Readonly<Record<string, Health>>;
}

const INTERVAL_MS = 5_000;
const TIMEOUT_MS = 2_000;
/** An answer this young serves the next asker too, so that probes do not become load. */
const FRESH_MS = 500;

const healthChannel = channel("orbit.health");

/** Checks the stores at an interval and when asked, and tells who waits for a change. */
export class ReadinessMonitor {
  readonly #stores: ReadonlyMap<string, Store>;
  readonly #listeners = new Set<() => void>();
  #draining = false;
  #last: { readonly at: number; readonly stores: Readonly<Record<string, Health>> } | undefined;
  #checking: Promise<void> | undefined;
  #cancel: (() => void) | undefined;

  constructor(stores: ReadonlyMap<string, Store>) {
    this.#stores = stores;
  }

  /** Starts to check at an interval. */
  start(): void {
    const tick = async (): Promise<void> => {
      await this.check();
      if (this.#cancel !== undefined) this.#cancel = systemClock.after(INTERVAL_MS, () => void tick());
    };
    this.#cancel = systemClock.after(0, () => void tick());
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  /** Counts as not ready from now on. */
  drain(): void {
    this.#draining = true;
    this.#tell();
  }

  /** What is known without asking the stores. */
  get current(): Readiness {
    const stores = this.#last?.stores ?? {};
    const serving = this.#last !== undefined && Object.values(stores).every(({ status }) => status !== "unhealthy");
    return { ready: serving && !this.#draining, draining: this.#draining, stores };
  }

  async check(): Promise<Readiness> {
    if (this.#last === undefined || systemClock.now() - this.#last.at > FRESH_MS) {
      this.#checking ??= this.#checkStores().finally(() => {
        this.#checking = undefined;
      });
      await this.#checking;
    }
    return this.current;
  }

  /** Calls `listener` whenever `ready` changes, until the returned function is called. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  async #checkStores(): Promise<void> {
    const before = this.current.ready;
    const entries = await Promise.all(
      [...this.#stores].map(async ([name, store]) => [name, await checkOne(store)] as const),
    );
    this.#last = { at: systemClock.now(), stores: Object.fromEntries(entries) };
    if (this.current.ready !== before) this.#tell();
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

async function checkOne(store: Store): Promise<Health> {
  const health = await ask(store);
  healthChannel.publish({ provider: store.provider, health } satisfies HealthMessage);
  return health;
}

/** A check that fails is an answer too. */
async function ask(store: Store): Promise<Health> {
  const start = systemClock.now();
  try {
    return await store.health({ deadline: start + TIMEOUT_MS });
  } catch (error) {
    const cause = StoreError.from(error, { provider: store.provider, operation: "health" }).message;
    return { status: "unhealthy", cause, latencyMs: systemClock.now() - start };
  }
}
