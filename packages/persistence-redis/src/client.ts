import { StoreError } from "@orbit/persistence/driver";
import { type Cluster, Command, type Redis } from "ioredis";

import { isConnectionError, refusalWord, rootOf, toStoreError } from "./errors.ts";
import type { Script } from "./scripts.ts";

export type Argument = string | Buffer;
export type Reply = Buffer | number | null | readonly Reply[];

/** What the driver needs of a Redis client. */
export interface RedisClient {
  /** Sends a command that changes nothing. */
  read(command: string, args: readonly Argument[]): Promise<Reply>;
  /** Runs a script that writes: `keys` are all the keys that it touches, of one bucket. */
  run(script: Script, keys: readonly string[], args: readonly Argument[]): Promise<Reply>;
  /** Writes a value under a key that has none. */
  create(key: string, value: string): Promise<void>;
  /** Asks each server that takes writes. */
  readEach(command: string, args: readonly Argument[]): Promise<readonly Reply[]>;
}

/** What ioredis says of a connection that is gone. */
const CLOSED = "Connection is closed.";
/** Beyond so many requests in flight a connection is busy, and another one is opened. */
const BUSY = 512;

/** A few connections to the same servers. A request goes to the first that is not busy. */
export class Pool implements RedisClient {
  readonly #connect: () => Connection;
  readonly #size: number;
  readonly #connections: Connection[];

  constructor(first: Connection, connect: () => Connection, size: number) {
    this.#connections = [first];
    this.#connect = connect;
    this.#size = size;
  }

  read(command: string, args: readonly Argument[]): Promise<Reply> {
    return this.#pick().read(command, args);
  }

  run(script: Script, keys: readonly string[], args: readonly Argument[]): Promise<Reply> {
    return this.#pick().run(script, keys, args);
  }

  create(key: string, value: string): Promise<void> {
    return this.#pick().create(key, value);
  }

  readEach(command: string, args: readonly Argument[]): Promise<readonly Reply[]> {
    return this.#pick().readEach(command, args);
  }

  close(): void {
    for (const connection of this.#connections) connection.close();
  }

  #pick(): Connection {
    let best = this.#connections[0]!;
    for (const connection of this.#connections) {
      if (connection.inFlight < BUSY) return connection;
      if (connection.inFlight < best.inFlight) best = connection;
    }
    if (this.#connections.length >= this.#size) return best;
    const added = this.#connect();
    this.#connections.push(added);
    return added;
  }
}

/** One ioredis client: a connection to one server, or one to each server of a cluster. */
export class Connection implements RedisClient {
  readonly client: Redis | Cluster;
  readonly #retryCount: number;
  /** What last kept it from being connected. */
  lastError: unknown;
  inFlight = 0;
  /** How often in a row it was closed before it was ready. */
  #failures = 0;
  #closed = false;

  constructor(client: Redis | Cluster, retryCount: number) {
    this.client = client;
    this.#retryCount = retryCount;
    const remember = (error: unknown): void => {
      const root = rootOf(error);
      // That a connection is closed is told after why it is.
      if (this.lastError === undefined || !(root instanceof Error) || root.message !== CLOSED) this.lastError = root;
    };
    // Without a listener ioredis prints errors; each request has its own.
    client.on("error", remember);
    client.on("node error", remember);
    client.on("sentinelError", remember);
    client.on("close", () => (this.#failures += 1));
    client.on("ready", () => {
      this.#failures = 0;
      this.lastError = undefined;
    });
  }

  read(command: string, args: readonly Argument[]): Promise<Reply> {
    return this.#send(this.client, command, args, false);
  }

  async run(script: Script, keys: readonly string[], args: readonly Argument[]): Promise<Reply> {
    const rest = [String(keys.length), ...keys, ...args];
    try {
      return await this.#send(this.client, "evalsha", [script.sha, ...rest], true);
    } catch (error) {
      if (!StoreError.is(error) || refusalWord(error.cause) !== "NOSCRIPT") throw error;
      return this.#send(this.client, "eval", [script.text, ...rest], true);
    }
  }

  async create(key: string, value: string): Promise<void> {
    await this.#send(this.client, "set", [key, value, "NX"], true);
  }

  async readEach(command: string, args: readonly Argument[]): Promise<readonly Reply[]> {
    const servers = this.client.isCluster ? (this.client as Cluster).nodes("master") : [this.client];
    return Promise.all(servers.map((server) => this.#send(server, command, args, false)));
  }

  close(): void {
    this.#closed = true;
    this.client.disconnect();
  }

  async #send(client: Redis | Cluster, name: string, args: readonly Argument[], writes: boolean): Promise<Reply> {
    this.inFlight += 1;
    try {
      for (;;) {
        if (this.#failures > this.#retryCount) throw toStoreError(this.lastError ?? new Error(CLOSED), false);
        const command = new SentCommand(name, [...args], { replyEncoding: null });
        try {
          // The reply is asked for in bytes, and RESP2 knows no other types.
          return (await client.sendCommand(command)) as Reply;
        } catch (cause) {
          const outcome = writes && command.sent ? "unknown" : "none";
          if (this.#closed) throw new StoreError("CLOSED", "the store was closed", { outcome });
          if (command.sent || !isConnectionError(cause)) throw toStoreError(cause, outcome === "unknown");
          // It never left, so that it may wait for the next attempt to connect.
          if (this.#failures > this.#retryCount) throw toStoreError(cause, false);
        }
      }
    } finally {
      this.inFlight -= 1;
    }
  }
}

/** Knows whether it has left: ioredis asks for its bytes at the moment when it writes them to the socket. */
class SentCommand extends Command {
  sent = false;

  override toWritable(socket: object): string | Buffer {
    this.sent = true;
    return super.toWritable(socket);
  }
}
