import { channel } from "node:diagnostics_channel";

import { StoreError } from "../contract/error.ts";
import type { Health } from "../contract/health.ts";
import type { Cancel } from "../runtime/clock.ts";
import type { Records } from "./records.ts";

/** Published on the diagnostics channel `orbit.health` after each periodic check. */
export interface HealthMessage {
  readonly provider: string;
  readonly health: Health;
}

const healthChannel = channel("orbit.health");

/** Checks health at an interval, and remembers the last answer. A check that fails counts as unhealthy. */
export function monitorHealth(
  records: Records,
  intervalMs: number | undefined,
): { readonly last: () => Health | undefined; readonly stop: () => void } {
  let last: Health | undefined;
  let cancel: Cancel | undefined;
  if (intervalMs === undefined) return { last: () => last, stop: () => undefined };
  const { clock, driver } = records;
  const check = async (): Promise<void> => {
    const start = clock.now();
    try {
      last = await records.run("health", undefined, { deadline: start + intervalMs }, "none", (call) =>
        driver.health(call),
      );
    } catch (error) {
      const cause = StoreError.from(error, { provider: driver.name, operation: "health" }).message;
      last = { status: "unhealthy", cause, latencyMs: clock.now() - start };
    }
    if (records.closed) return;
    healthChannel.publish({ provider: driver.name, health: last } satisfies HealthMessage);
    cancel = clock.after(intervalMs, () => void check());
  };
  void check();
  return { last: () => last, stop: () => cancel?.() };
}
