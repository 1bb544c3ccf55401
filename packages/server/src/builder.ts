import {
  type ConfigSource,
  loadConfig,
  type LoadOptions,
  openRegistry,
  type PersistenceConfig,
  StoreError,
} from "@orbit/persistence";
import { type Logger, pino } from "pino";

import { type ServerOptions, serverOptions } from "./options.ts";
import type { OrbitServer, ServerInit } from "./server.ts";

/** Builds an {@link OrbitServer}. Every method returns the builder. */
export class OrbitServerBuilder {
  readonly #make: (init: ServerInit) => OrbitServer;
  #options: Partial<ServerOptions> = {};
  #persistence: { readonly source: PersistenceConfig | ConfigSource; readonly options: LoadOptions } | undefined;
  #logger: Logger | undefined;
  #processMetrics = false;

  constructor(make: (init: ServerInit) => OrbitServer) {
    this.#make = make;
  }

  /** Sets the namespace of requests that name none; `default` by default. */
  withNamespace(namespace: string): this {
    return this.withOptions({ namespace });
  }

  /** Sets the port of gRPC; 50051 by default, 0 takes a free one. */
  withPort(port: number): this {
    return this.withOptions({ port });
  }

  /** Sets where leases and nodes are kept: a finished configuration, or where to read one from. */
  withPersistence(source: PersistenceConfig | ConfigSource, options: LoadOptions = {}): this {
    this.#persistence = { source, options };
    return this;
  }

  /** Sets any of the options; they are checked together by `build`. */
  withOptions(options: Partial<ServerOptions>): this {
    this.#options = { ...this.#options, ...options };
    return this;
  }

  /** Logs there instead of to standard output in JSON. */
  withLogger(logger: Logger): this {
    this.#logger = logger;
    return this;
  }

  /** Adds CPU, memory, garbage collection and event loop of this process to `/metrics`. */
  withProcessMetrics(): this {
    this.#processMetrics = true;
    return this;
  }

  /**
   * Checks the options and reads the configuration. Nothing is opened until `start`.
   *
   * @throws StoreError `INVALID_ARGUMENT` or `INVALID_CONFIG` naming every fault at once.
   */
  async build(): Promise<OrbitServer> {
    const options = serverOptions.resolve(this.#options);
    if (this.#persistence === undefined) {
      const reason =
        "persistence: missing; call withPersistence, as in withPersistence({ url: 'btree:///var/lib/orbit' })";
      throw new StoreError("INVALID_ARGUMENT", reason);
    }
    const { source, options: load } = this.#persistence;
    const persistence = "providers" in source ? source : await loadConfig(source, load);
    const registry = await openRegistry(persistence, load);
    const log = this.#logger ?? pino({ name: "orbit", level: options.logLevel });
    return this.#make({ options, persistence, registry, log, processMetrics: this.#processMetrics });
  }
}
