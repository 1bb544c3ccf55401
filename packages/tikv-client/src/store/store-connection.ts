import { Connection, type Bounds, type ConnectionOptions } from "../grpc/connection.ts";
import { cancelled, RpcError, GrpcCode } from "../grpc/status.ts";
import { BatchStream, type Pending } from "./batch-stream.ts";
import type { Carrier } from "./carrier.ts";

export interface StoreConnectionOptions extends ConnectionOptions {
  /** Connections to each store; batches take turns. */
  readonly connectionsPerStore: number;
  /** The most commands that one message carries. */
  readonly maxBatchSize: number;
}

/**
 * Sends commands to one store. What is asked in one turn of the event loop goes out as one message, so that callers
 * who are many share the cost of a call, and one alone does not wait.
 */
export class StoreConnection {
  readonly address: string;
  readonly #options: StoreConnectionOptions;
  readonly #connections: readonly Connection[];
  readonly #streams: readonly BatchStream[];
  #queue: Pending[] = [];
  #lastId = 0;
  #turn = 0;
  #scheduled = false;
  #closed = false;

  constructor(address: string, options: StoreConnectionOptions) {
    this.address = address;
    this.#options = options;
    this.#connections = Array.from({ length: options.connectionsPerStore }, () => new Connection(address, options));
    this.#streams = this.#connections.map((connection, index) => new BatchStream(connection, index, options.runtime));
  }

  /** Sends the parts of an encoded command and gives the encoded answer. Throws an RpcError. */
  call({ path, batched }: Carrier, parts: readonly Uint8Array[], bounds: Bounds): Promise<Uint8Array> {
    if (this.#closed) {
      return Promise.reject(new RpcError(GrpcCode.UNAVAILABLE, "the client is closed", { sent: false }));
    }
    return batched === undefined ? this.#alone(path, parts, bounds) : this.#batched(batched, parts, bounds);
  }

  close(): void {
    this.#closed = true;
    for (const stream of this.#streams) stream.close();
    for (const connection of this.#connections) connection.close();
  }

  #alone(path: string, parts: readonly Uint8Array[], bounds: Bounds): Promise<Uint8Array> {
    const connection = this.#connections[this.#turn++ % this.#connections.length]!;
    return connection.unary(path, Buffer.concat(parts), bounds);
  }

  #batched(field: number, parts: readonly Uint8Array[], { deadline, signal }: Bounds): Promise<Uint8Array> {
    if (signal?.aborted === true) return Promise.reject(cancelled(signal, false));
    return new Promise((resolve, reject) => {
      const id = ++this.#lastId;
      const onAbort = (): void => reject(cancelled(signal!, this.#forget(id)));
      const settle = signal === undefined ? undefined : () => signal.removeEventListener("abort", onAbort);
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#queue.push({
        id,
        field,
        parts,
        deadline,
        answered(message) {
          settle?.();
          resolve(message);
        },
        failed(error) {
          settle?.();
          reject(error);
        },
      });
      if (this.#scheduled) return;
      this.#scheduled = true;
      setImmediate(() => this.#flush());
    });
  }

  #forget(id: number): boolean {
    const waiting = this.#queue.findIndex((command) => command.id === id);
    if (waiting >= 0) {
      this.#queue.splice(waiting, 1);
      return false;
    }
    return this.#streams.map((stream) => stream.forget(id)).some((sent) => sent);
  }

  #flush(): void {
    this.#scheduled = false;
    const queue = this.#queue;
    this.#queue = [];
    for (let at = 0; at < queue.length; at += this.#options.maxBatchSize) {
      const stream = this.#streams[this.#turn++ % this.#streams.length]!;
      stream.send(queue.slice(at, at + this.#options.maxBatchSize));
    }
  }
}
