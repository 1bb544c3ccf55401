import { setTimeout as sleep } from "node:timers/promises";

import type { Io } from "./io.ts";

const INTERVAL_MS = 1_000;

/** Shows something once, or with `watch` again whenever it has changed, until asked to end. */
export async function watched(watch: boolean, io: Io, show: () => Promise<string>): Promise<number> {
  let last: string | undefined;
  for (;;) {
    const text = await show();
    if (text !== last) io.out(last === undefined ? text : `\n${text}`);
    last = text;
    if (!watch || io.signal.aborted) return 0;
    // Rejects when asked to end, which the next turn sees.
    await sleep(INTERVAL_MS, undefined, { signal: io.signal }).catch(() => undefined);
    if (io.signal.aborted) return 0;
  }
}
