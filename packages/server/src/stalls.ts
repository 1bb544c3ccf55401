import { systemClock } from "@orbit/persistence";
import type { Logger } from "pino";

const INTERVAL_MS = 500;
const WORTH_TELLING_MS = 1_000;

/** Logs when this process did not run for a while: leases run on meanwhile. Returns how to stop. */
export function watchStalls(log: Logger): () => void {
  let cancel = (): void => undefined;
  const schedule = (): void => {
    const due = systemClock.now() + INTERVAL_MS;
    cancel = systemClock.after(INTERVAL_MS, () => {
      const lateMs = Math.round(systemClock.now() - due);
      if (lateMs >= WORTH_TELLING_MS) log.warn({ lateMs }, "the event loop stood still");
      schedule();
    });
  };
  schedule();
  return () => cancel();
}
