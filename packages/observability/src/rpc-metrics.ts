import { Histogram, type Registry } from "prom-client";

import { listen } from "./channels.ts";

/** Published on the diagnostics channel `orbit.rpc` by a server, after each call that it answered. */
export interface RpcEvent {
  /** Full name of the service, such as `orbit.directory.v1.DirectoryService`. */
  readonly service: string;
  readonly method: string;
  /** Name of the status code, such as `ok` or `unavailable`. */
  readonly code: string;
  readonly durationMs: number;
}

/** Times the calls that servers of this process answer. Returns how to stop. */
export function observeCalls(registry: Registry): () => void {
  const duration = new Histogram({
    name: "orbit_rpc_duration_seconds",
    help: "Time to answer a call, by its status code; for streams, how long they lasted",
    labelNames: ["service", "method", "code"],
    registers: [registry],
  });
  return listen<RpcEvent>("orbit.rpc", ({ service, method, code, durationMs }) => {
    duration.observe({ service, method, code }, durationMs / 1000);
  });
}
