import type { Store } from "@orbit/persistence";
import { collectDefaultMetrics, Gauge, Registry } from "prom-client";

import { observeCluster } from "./cluster-metrics.ts";
import { exposeStores } from "./named-stores.ts";
import { observeCalls } from "./rpc-metrics.ts";
import { observeStores } from "./store-metrics.ts";

export interface PrometheusOptions {
  /** Named stores whose own figures are shown too, asked for at each scrape. Names become labels: give few. */
  readonly stores?: () => ReadonlyMap<string, Store>;
  /** Nodes by status, asked for at each scrape; a failure leaves the figure out of that scrape. */
  readonly nodes?: () => Promise<Readonly<Record<string, number>>>;
  /** Adds CPU, memory, garbage collection and event loop of this process. Once started, they are measured to its end. */
  readonly process?: boolean;
}

export interface Prometheus extends Disposable {
  /** The content type of what `render` returns. */
  readonly contentType: string;
  /** Writes all metrics in Prometheus' text format. */
  render(): Promise<string>;
}

let processRegistry: Registry | undefined;

/** Collects metrics from the diagnostics channels of this process from now on, until disposed. */
export function prometheus(options: PrometheusOptions = {}): Prometheus {
  const registry = new Registry();
  const stops = [observeStores(registry), observeCluster(registry), observeCalls(registry)];
  if (options.stores !== undefined) exposeStores(registry, options.stores);
  if (options.nodes !== undefined) exposeNodes(registry, options.nodes);
  const registries = options.process === true ? [registry, processMetrics()] : [registry];
  return {
    contentType: registry.contentType,
    async render() {
      return (await Promise.all(registries.map((each) => each.metrics()))).join("");
    },
    [Symbol.dispose]() {
      for (const stop of stops) stop();
      registry.clear();
    },
  };
}

/** These are the process's own, and their observers can't be taken back: one registry serves all. */
function processMetrics(): Registry {
  if (processRegistry === undefined) {
    processRegistry = new Registry();
    collectDefaultMetrics({ register: processRegistry });
  }
  return processRegistry;
}

function exposeNodes(registry: Registry, nodes: () => Promise<Readonly<Record<string, number>>>): void {
  const gauge: Gauge = new Gauge({
    name: "orbit_nodes",
    help: "Nodes on record in the namespaces that this server has served, by status",
    labelNames: ["status"],
    registers: [registry],
    async collect() {
      gauge.reset();
      try {
        for (const [status, count] of Object.entries(await nodes())) gauge.set({ status }, count);
      } catch {
        // A store that does not answer shows in orbit_store_errors_total; the other metrics are wanted all the more.
      }
    },
  });
}
