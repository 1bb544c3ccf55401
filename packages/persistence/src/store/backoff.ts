import type { Random } from "../runtime/random.ts";

/** The pause before attempt `attempt` (1 is the first repeat): doubles up to `maxMs`, between half and whole of it. */
export function backoffMs(random: Random, attempt: number, baseMs: number, maxMs: number): number {
  const ceiling = Math.min(maxMs, baseMs * 2 ** Math.min(attempt - 1, 30));
  return ceiling * (0.5 + random.number() / 2);
}
