import { readFile } from "node:fs/promises";
import { hostname } from "node:os";

import { Code, ConnectError } from "@connectrpc/connect";
import { prometheus, type Prometheus } from "@orbit/observability";
import { type PersistenceConfig, type ProviderRegistry, type Store, StoreError, systemClock } from "@orbit/persistence";
import {
  AddressableManagementService,
  DirectoryService,
  HealthService,
  MembershipService,
  NodeManagementService,
} from "@orbit/proto";
import type { Logger } from "pino";

import { AdminServer } from "./admin/admin.ts";
import { AdminApi } from "./admin/api.ts";
import { OrbitServerBuilder } from "./builder.ts";
import { logEvents } from "./event-log.ts";
import { Calls } from "./grpc/calls.ts";
import { directoryService } from "./grpc/directory-service.ts";
import { healthService } from "./grpc/health-service.ts";
import { GrpcListener, type TlsMaterial } from "./grpc/listener.ts";
import { membershipService } from "./grpc/membership-service.ts";
import { authority } from "./listening.ts";
import { Namespaces } from "./namespaces.ts";
import type { ServerOptions, TlsFiles } from "./options.ts";
import { addressableManagement } from "./orbit/addressable-management.ts";
import { nodeManagement } from "./orbit/node-management.ts";
import { ReadinessMonitor } from "./readiness.ts";
import { ServerNode } from "./server-node.ts";
import { watchStalls } from "./stalls.ts";
import { sweepAll } from "./sweep.ts";

export interface ServerInit {
  readonly options: ServerOptions;
  readonly persistence: PersistenceConfig;
  readonly registry: ProviderRegistry;
  readonly log: Logger;
  /** Adds the process's own metrics to `/metrics`. */
  readonly processMetrics: boolean;
}

/** Where a server listens. */
export interface ServerAddress {
  readonly grpc: string;
  readonly admin: string;
}

interface Stores {
  readonly directory: Store;
  readonly membership: Store;
}

/** How long the statuses of calls that are cut off have to go out. */
const CUT_OFF_MS = 1_000;
const STOPPING = "this server is stopping: ask another one";

/**
 * Serves the directory and the membership of many namespaces over gRPC, and health, metrics and a JSON API over HTTP.
 * `await using` stops it.
 */
export class OrbitServer implements AsyncDisposable {
  static builder(): OrbitServerBuilder {
    return new OrbitServerBuilder((init) => new OrbitServer(init));
  }

  readonly options: ServerOptions;
  readonly #init: ServerInit;
  readonly #log: Logger;
  /** Fires when a stop is asked for; then when the calls still under way are cut off. */
  readonly #draining = new AbortController();
  readonly #shutdown = new AbortController();
  readonly #closers: (() => void | Promise<void>)[] = [];
  readonly #readiness: { monitor?: ReadinessMonitor } = {};
  #calls: Calls | undefined;
  #listener: GrpcListener | undefined;
  #node: ServerNode | undefined;
  #address: ServerAddress | undefined;
  #starting: Promise<void> | undefined;
  /** The start itself, without what follows where it fails. */
  #opening: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;

  private constructor(init: ServerInit) {
    this.#init = init;
    this.options = init.options;
    this.#log = init.log;
  }

  /** The named stores behind this server. They are closed with it. */
  get persistenceRegistry(): ProviderRegistry {
    return this.#init.registry;
  }

  /** Where it listens. Throws before `start`. */
  get address(): ServerAddress {
    if (this.#address === undefined) throw new StoreError("CLOSED", "the server does not listen: call start first");
    return this.#address;
  }

  /**
   * Opens the stores and listens. When it fails, everything is closed again.
   *
   * @throws StoreError `UNSUPPORTED` for stores that are too weak, `INVALID_CONFIG` for addresses that can't be listened
   * on and certificates that can't be read, or what the opening of a store throws.
   */
  start(): Promise<void> {
    if (this.#stopping !== undefined) {
      return Promise.reject(new StoreError("CLOSED", "the server was stopped: build a new one"));
    }
    if (this.#starting === undefined) {
      this.#opening = this.#start();
      this.#starting = this.#opening.catch(async (error: unknown) => {
        await this.stop();
        throw error;
      });
    }
    return this.#starting;
  }

  /**
   * Stops: not ready at once, nothing new is granted, calls under way finish within the drain timeout, then the server
   * leaves and its stores close. Idempotent.
   */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #start(): Promise<void> {
    const { options, persistence, processMetrics } = this.#init;
    const tls = await readTls(options.tls);
    const stores = await this.#openStores();
    const namespaces = new Namespaces({
      directoryStore: stores.directory,
      membershipStore: stores.membership,
      allowWeak: persistence.allowWeak,
      fallback: options.namespace,
    });
    this.#warnOfWeakness(stores);
    this.#closers.push(logEvents(this.#log), watchStalls(this.#log));
    const readiness = this.#watchReadiness(stores);
    const metrics = prometheus({
      process: processMetrics,
      stores: () => new Map(namedStores(persistence, stores)),
      nodes: () => countNodes(namespaces),
    });
    this.#closers.push(() => metrics[Symbol.dispose]());
    const admin = await this.#listenAdmin(namespaces, readiness, metrics);
    const grpc = await this.#listenGrpc(namespaces, readiness, tls);
    this.#address = { grpc, admin };
    this.#join(namespaces, stores, grpc);
    this.#log.info({ grpc, admin, namespace: options.namespace, stores: persistence.defaults }, "listening");
  }

  async #openStores(): Promise<Stores> {
    const { persistence, registry } = this.#init;
    const { addressable, cluster } = persistence.defaults;
    if (addressable === undefined || cluster === undefined) {
      const names = registry.names().join(", ");
      const reason = `[defaults]: set addressable and cluster to the stores of the directory and the membership (${names})`;
      throw new StoreError("INVALID_CONFIG", reason);
    }
    return { directory: await registry.store(addressable), membership: await registry.store(cluster) };
  }

  #warnOfWeakness(stores: Stores): void {
    for (const { provider, capabilities } of new Set(Object.values<Store>({ ...stores }))) {
      const { consistency, durability, fencing } = capabilities;
      const strong = durability === "quorum" || durability === "disk";
      if (strong && consistency === "linearizable" && fencing === "total") continue;
      const meaning =
        "allow_weak is set: after a failover or restart of this store, leases may be forgotten and granted twice, and " +
        "fences may fall";
      this.#log.warn({ provider, consistency, durability, fencing }, meaning);
    }
  }

  #watchReadiness(stores: Stores): ReadinessMonitor {
    const { persistence } = this.#init;
    const monitor = new ReadinessMonitor(new Map(namedStores(persistence, stores)));
    this.#readiness.monitor = monitor;
    let ready = true;
    monitor.onChange(() => {
      const { current } = monitor;
      if (current.ready === ready || current.draining) return;
      ready = current.ready;
      const stores = Object.entries(current.stores).map(([name, { status, cause }]) => [name, cause ?? status]);
      this.#log[ready ? "info" : "warn"]({ stores: Object.fromEntries(stores) }, ready ? "ready" : "not ready");
    });
    monitor.start();
    this.#closers.push(() => monitor.stop());
    return monitor;
  }

  async #listenAdmin(namespaces: Namespaces, readiness: ReadinessMonitor, metrics: Prometheus): Promise<string> {
    const { options, persistence } = this.#init;
    const describe = (): unknown => ({ server: options, persistence: describePersistence(persistence) });
    const admin = new AdminServer({ api: new AdminApi(namespaces), metrics, readiness, describe, log: this.#log });
    const { adminHost: host, adminPort: port } = options;
    const taken = await admin.listen({ host, port, what: "the admin API", option: "admin_port" });
    // First in, last out: it tells of the drain until everything else is closed.
    this.#closers.push(() => admin.close());
    return `http://${authority(host, taken)}`;
  }

  async #listenGrpc(
    namespaces: Namespaces,
    readiness: ReadinessMonitor,
    tls: TlsMaterial | undefined,
  ): Promise<string> {
    const { host, port, maxMessageBytes } = this.options;
    const calls = new Calls(this.#log, this.#draining.signal);
    const listener = new GrpcListener({
      tls,
      maxMessageBytes,
      interceptors: [calls.interceptor],
      shutdownSignal: this.#shutdown.signal,
      routes: (router) => {
        router.service(MembershipService, membershipService(namespaces, this.#draining.signal));
        router.service(DirectoryService, directoryService(namespaces));
        router.service(NodeManagementService, nodeManagement(namespaces));
        router.service(AddressableManagementService, addressableManagement(namespaces, this.#draining.signal));
        router.service(HealthService, healthService(readiness));
      },
    });
    const taken = await listener.listen({ host, port, what: "gRPC", option: "port" });
    this.#calls = calls;
    this.#listener = listener;
    return `${tls === undefined ? "http" : "https"}://${authority(host, taken)}`;
  }

  #join(namespaces: Namespaces, stores: Stores, grpc: string): void {
    const { nodeId = `${hostname()}-${process.pid}`, url = grpc, sweepIntervalMs } = this.options;
    const { management } = namespaces;
    const both = [...new Set([stores.membership, stores.directory])];
    this.#node = new ServerNode({
      management,
      description: { id: nodeId, url, metadata: { admin: this.address.admin } },
      sweep: (signal) => sweepAll(namespaces, both, signal),
      sweepIntervalMs,
      log: this.#log,
    });
    this.#node.start();
  }

  async #stop(): Promise<void> {
    // Its failure is told to whoever started.
    await this.#opening?.catch(() => undefined);
    const deadline = systemClock.now() + this.options.drainTimeoutMs;
    this.#draining.abort(new ConnectError(STOPPING, Code.Unavailable));
    this.#readiness.monitor?.drain();
    if (this.#listener !== undefined) await this.#drain(this.#listener, deadline);
    await this.#node?.stop();
    const failures: unknown[] = [];
    const { registry } = this.#init;
    for (const close of [...this.#closers, () => registry.close()].toReversed()) {
      try {
        await close();
      } catch (error) {
        failures.push(error);
      }
    }
    this.#address = undefined;
    if (failures.length > 0) throw new AggregateError(failures, "the server stopped, but not all could be closed");
    this.#log.info("stopped");
  }

  /** Lets the calls under way finish, and cuts off those that the deadline finds. */
  async #drain(listener: GrpcListener, deadline: number): Promise<void> {
    this.#log.info({ timeoutMs: this.options.drainTimeoutMs }, "stopping: calls under way may finish");
    const late = Promise.withResolvers<"late">();
    const cancel = systemClock.after(deadline - systemClock.now(), () => late.resolve("late"));
    const finished = (async () => {
      await this.#calls?.settled();
      await listener.close();
    })();
    if ((await Promise.race([finished, late.promise])) === "late") {
      this.#log.warn("the drain timeout passed: cutting off the calls still under way");
      this.#shutdown.abort(new ConnectError(STOPPING, Code.Unavailable));
      // Their handlers end now; what does not end even so is cut off without a status.
      const cut = systemClock.after(CUT_OFF_MS, () => listener.destroy());
      await finished;
      cut();
    }
    cancel();
  }
}

function namedStores({ defaults }: PersistenceConfig, stores: Stores): readonly (readonly [string, Store])[] {
  return [
    [defaults.addressable ?? "directory", stores.directory],
    [defaults.cluster ?? "membership", stores.membership],
  ];
}

/** The providers with their options; secrets are not enumerable and stay out of JSON. */
function describePersistence({ defaults, namespace, allowWeak, providers }: PersistenceConfig): unknown {
  const stores = providers.map(({ name, provider, options }) => [name, { provider: provider.name, options }]);
  return { defaults, namespace, allowWeak, providers: Object.fromEntries(stores) };
}

async function countNodes(namespaces: Namespaces): Promise<Readonly<Record<string, number>>> {
  const counts: Record<string, number> = { starting: 0, active: 0, draining: 0, stopped: 0 };
  const deadline = systemClock.now() + 2_000;
  for (const { membership } of namespaces.opened()) {
    for (const { status } of await membership.nodes({ deadline })) counts[status] = (counts[status] ?? 0) + 1;
  }
  return counts;
}

async function readTls(files: TlsFiles | undefined): Promise<TlsMaterial | undefined> {
  if (files === undefined) return undefined;
  const read = async (option: keyof TlsFiles, path: string): Promise<Uint8Array> => {
    try {
      return await readFile(path);
    } catch (cause) {
      const code = cause instanceof Error && "code" in cause ? String(cause.code) : "unreadable";
      throw new StoreError("INVALID_CONFIG", `tls.${option}: ${path} can't be read (${code})`, { cause });
    }
  };
  const [cert, key] = await Promise.all([read("cert", files.cert), read("key", files.key)]);
  return { cert, key, ...(files.ca === undefined ? {} : { ca: await read("ca", files.ca) }) };
}
