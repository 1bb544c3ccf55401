import type { PersistenceMetrics, Store } from "@orbit/persistence";
import { Counter, Gauge, type Registry } from "prom-client";

type Name = keyof PersistenceMetrics;

const COUNTERS = {
  read_operations: "Reads",
  write_operations: "Writes",
  delete_operations: "Deletes",
  error_count: "Failed operations",
  cache_hits: "Lookups answered from a cache",
  cache_misses: "Lookups that a cache had no answer for",
} satisfies Partial<Record<Name, string>>;

const AVERAGES = {
  read_latency_avg: "Mean time of a read since the store was opened, in milliseconds",
  write_latency_avg: "Mean time of a write since the store was opened, in milliseconds",
  delete_latency_avg: "Mean time of a delete since the store was opened, in milliseconds",
} satisfies Partial<Record<Name, string>>;

/** Reads the nine standard figures of each named store whenever metrics are asked for. */
export function exposeStores(registry: Registry, stores: () => ReadonlyMap<string, Store>): void {
  const labelNames = ["store", "provider"];
  const registers = [registry];
  const read = (name: Name, set: (labels: { store: string; provider: string }, value: number) => void): void => {
    for (const [store, { provider, metrics }] of each(stores)) set({ store, provider }, metrics[name]);
  };
  for (const [key, help] of Object.entries(COUNTERS)) {
    const name = key as keyof typeof COUNTERS;
    const counter: Counter = new Counter({
      name: `orbit_persistence_${name}`,
      help,
      labelNames,
      registers,
      collect() {
        // The store counts; this only shows its count.
        counter.reset();
        read(name, (labels, value) => counter.inc(labels, value));
      },
    });
  }
  for (const [key, help] of Object.entries(AVERAGES)) {
    const name = key as keyof typeof AVERAGES;
    const gauge: Gauge = new Gauge({
      name: `orbit_persistence_${name}`,
      help,
      labelNames,
      registers,
      collect() {
        gauge.reset();
        read(name, (labels, value) => gauge.set(labels, value));
      },
    });
  }
}

function each(stores: () => ReadonlyMap<string, Store>): readonly (readonly [string, Snapshot])[] {
  return [...stores()].map(([name, store]) => [name, { provider: store.provider, metrics: store.metrics() }]);
}

interface Snapshot {
  readonly provider: string;
  readonly metrics: PersistenceMetrics;
}
