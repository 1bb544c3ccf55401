import type { Call } from "../call/call.ts";
import { TikvError } from "../errors.ts";
import type { PlacementDriver } from "../pd/pd.ts";
import { StoreConnection, type StoreConnectionOptions } from "../store/store-connection.ts";

/** The stores that are in use, each with its connections. */
export class Stores {
  readonly #pd: PlacementDriver;
  readonly #options: StoreConnectionOptions;
  readonly #connections = new Map<bigint, StoreConnection>();
  readonly #resolving = new Map<bigint, Promise<StoreConnection | undefined>>();
  /** By store, how often it failed. A region that was placed before the last failure must be looked up again. */
  readonly #epochs = new Map<bigint, number>();
  #closed = false;

  constructor(pd: PlacementDriver, options: StoreConnectionOptions) {
    this.#pd = pd;
    this.#options = options;
  }

  /** Gives the way to a store, or nothing where the store is gone for good. */
  connection(call: Call, id: bigint): StoreConnection | Promise<StoreConnection | undefined> {
    const known = this.#connections.get(id);
    if (known !== undefined) return known;
    let resolving = this.#resolving.get(id);
    if (resolving === undefined) {
      resolving = this.#resolve(call, id).finally(() => this.#resolving.delete(id));
      this.#resolving.set(id, resolving);
    }
    return resolving;
  }

  epoch(id: bigint): number {
    return this.#epochs.get(id) ?? 0;
  }

  /** Counts a failure: all regions led from there are looked up again. */
  failed(id: bigint): void {
    this.#epochs.set(id, this.epoch(id) + 1);
  }

  /** Another store answers at its address: PD is asked for the new one. */
  moved(id: bigint, connection: StoreConnection): void {
    if (this.#connections.get(id) !== connection) return;
    this.#connections.delete(id);
    connection.close();
    this.failed(id);
  }

  close(): void {
    this.#closed = true;
    for (const connection of this.#connections.values()) connection.close();
    this.#connections.clear();
  }

  async #resolve(call: Call, id: bigint): Promise<StoreConnection | undefined> {
    const store = await this.#pd.store(call, id);
    if (store === undefined) return undefined;
    if (this.#closed) throw new TikvError("CLOSED", "the client is closed");
    const connection = new StoreConnection(store.address, this.#options);
    this.#connections.set(id, connection);
    return connection;
  }
}
