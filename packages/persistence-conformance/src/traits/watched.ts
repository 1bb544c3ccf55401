import type { Store } from "@orbit/persistence";
import type { Around, DriverOperation } from "@orbit/persistence/driver";

import type { Bench } from "../bench.ts";

export interface Watched {
  readonly store: Store;
  /** The driver calls since the store was opened, in order. */
  readonly calls: readonly DriverOperation[];
}

/** A store, and every call that it makes of its driver. */
export async function watched(bench: Bench): Promise<Watched> {
  const calls: DriverOperation[] = [];
  const around: Around = (call, options, run) => {
    calls.push(call.operation);
    return run(options);
  };
  const store = await bench.store({}, { around });
  calls.length = 0;
  return { store, calls };
}
