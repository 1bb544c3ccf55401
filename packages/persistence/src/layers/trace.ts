import { tracingChannel } from "node:diagnostics_channel";

import type { Layer } from "../contract/layer.ts";
import { type DriverCall, wrapDriver } from "./around.ts";
import { defineLayer } from "./compose.ts";

/** What subscribers of the tracing channel `orbit.store` receive. */
export interface StoreTrace extends DriverCall {
  readonly provider: string;
}

const channel = tracingChannel<unknown, StoreTrace>("orbit.store");

/** Publishes each call on the tracing channel `orbit.store`. Costs nothing while nobody subscribes. */
export function trace(): Layer {
  return defineLayer("trace", (inner) =>
    wrapDriver(inner, (call, options, run) =>
      channel.hasSubscribers
        ? channel.tracePromise(() => run(options), { ...call, provider: inner.name })
        : run(options),
    ),
  );
}
