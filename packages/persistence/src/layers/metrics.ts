import type { Layer } from "../contract/layer.ts";
import { type Clock, systemClock } from "../runtime/clock.ts";
import { type DriverOperation, wrapDriver } from "./around.ts";
import { defineLayer } from "./compose.ts";

/** The standard figures of every provider. Latencies are means in milliseconds since the store was opened. */
export interface PersistenceMetrics {
  readonly read_operations: number;
  readonly write_operations: number;
  readonly delete_operations: number;
  readonly read_latency_avg: number;
  readonly write_latency_avg: number;
  readonly delete_latency_avg: number;
  readonly error_count: number;
  /** Lookups answered from a cache; 0 where there is none. */
  readonly cache_hits: number;
  readonly cache_misses: number;
}

interface Tally {
  count: number;
  totalMs: number;
}

type Group = "read" | "write" | "delete" | "other";

const GROUPS: Readonly<Record<DriverOperation, Group>> = {
  get: "read",
  getMany: "read",
  scan: "read",
  put: "write",
  write: "write",
  commit: "write",
  delete: "delete",
  health: "other",
  watch: "other",
  session: "other",
  nextFence: "other",
};

export interface MetricsLayer extends Layer {
  snapshot(): PersistenceMetrics;
}

/** Counts and times the calls of a driver; `snapshot()` reads the figures. */
export function metrics(options: { readonly clock?: Clock } = {}): MetricsLayer {
  const clock = options.clock ?? systemClock;
  const tallies: Record<Group, Tally> = { read: tally(), write: tally(), delete: tally(), other: tally() };
  let errors = 0;
  const layer = defineLayer("metrics", (inner) =>
    wrapDriver(inner, (call, callOptions, run) => {
      const group = tallies[GROUPS[call.operation]];
      const start = clock.now();
      const count = (): void => {
        group.count += 1;
        group.totalMs += clock.now() - start;
      };
      // Handlers instead of `await` in `try`: this stands around every call, and so saves an async frame.
      return run(callOptions).then(
        (answer) => {
          count();
          return answer;
        },
        (error: unknown) => {
          errors += 1;
          count();
          throw error;
        },
      );
    }),
  );
  const snapshot = (): PersistenceMetrics => ({
    read_operations: tallies.read.count,
    write_operations: tallies.write.count,
    delete_operations: tallies.delete.count,
    read_latency_avg: average(tallies.read),
    write_latency_avg: average(tallies.write),
    delete_latency_avg: average(tallies.delete),
    error_count: errors,
    cache_hits: 0,
    cache_misses: 0,
  });
  return Object.assign(layer, { snapshot });
}

function tally(): Tally {
  return { count: 0, totalMs: 0 };
}

function average(of: Tally): number {
  return of.count === 0 ? 0 : of.totalMs / of.count;
}
