import { tracingChannel } from "node:diagnostics_channel";

import { StoreError, type StoreTrace } from "@orbit/persistence";
import { Counter, Gauge, Histogram, type Registry } from "prom-client";

import { BoundedLabel, MAX_PROVIDERS } from "./labels.ts";

/** From a map in memory to a far object store, in seconds. */
const BUCKETS = [0.000_05, 0.000_2, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** What the tracing channel adds to the message while a call runs. */
interface Call extends StoreTrace {
  readonly error?: unknown;
  readonly result?: unknown;
}

/** Counts and times the calls of every store of this process. Returns how to stop. */
export function observeStores(registry: Registry): () => void {
  const registers = [registry];
  const duration = new Histogram({
    name: "orbit_store_operation_duration_seconds",
    help: "Time that calls of a store driver took, by how they ended: ok, conflict or error",
    labelNames: ["provider", "operation", "outcome"],
    buckets: BUCKETS,
    registers,
  });
  const errors = new Counter({
    name: "orbit_store_errors_total",
    help: "Failed calls of a store driver, by the code of their error",
    labelNames: ["provider", "operation", "code"],
    registers,
  });
  const inFlight = new Gauge({
    name: "orbit_store_operations_in_flight",
    help: "Calls of a store driver under way",
    labelNames: ["provider", "operation"],
    registers,
  });
  const providers = new BoundedLabel(MAX_PROVIDERS);
  const started = new WeakMap<Call, number>();

  const finish = (call: Call): void => {
    const start = started.get(call);
    if (start === undefined) return;
    started.delete(call);
    const labels = { provider: providers.value(call.provider), operation: call.operation };
    inFlight.dec(labels);
    const outcome = "error" in call ? "error" : isConflict(call.result) ? "conflict" : "ok";
    duration.observe({ ...labels, outcome }, (performance.now() - start) / 1000);
    if (outcome === "error") errors.inc({ ...labels, code: StoreError.is(call.error) ? call.error.code : "INTERNAL" });
  };
  const subscribers = {
    start(call: Call): void {
      started.set(call, performance.now());
      inFlight.inc({ provider: providers.value(call.provider), operation: call.operation });
    },
    // A call that throws at once ends here, with its error already set; one that goes on has none yet.
    end(call: Call): void {
      if ("error" in call) finish(call);
    },
    asyncStart: finish,
    asyncEnd: (): void => undefined,
    error: (): void => undefined,
  };
  const channel = tracingChannel<unknown, Call>("orbit.store");
  channel.subscribe(subscribers);
  return () => channel.unsubscribe(subscribers);
}

function isConflict(result: unknown): boolean {
  return typeof result === "object" && result !== null && "ok" in result && result.ok === false;
}
