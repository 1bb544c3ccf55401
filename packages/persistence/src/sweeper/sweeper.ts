import type { AddressableDirectory } from "../contract/directory.ts";
import { StoreError } from "../contract/error.ts";
import type { NodeSession, SweepReport } from "../contract/membership.ts";
import { noKey } from "../orbit/key.ts";
import { type Cancel, type Clock, systemClock } from "../runtime/clock.ts";
import { type Random, systemRandom } from "../runtime/random.ts";

export interface SweeperOptions {
  /** The session of the process that offers to sweep. */
  readonly session: NodeSession;
  /** Where the runners contend: one lease makes one of them sweep at a time. */
  readonly lock: AddressableDirectory;
  /** One round over everything to be swept. */
  readonly sweep: (signal: AbortSignal) => Promise<SweepReport>;
  /** Pause between rounds in milliseconds, give or take a tenth; 30,000 by default. */
  readonly intervalMs?: number;
  /** Told of a round that failed, and of a lease that could not be freed; the next round is tried all the same. */
  readonly onError: (error: StoreError) => void;
  readonly clock?: Clock;
  readonly random?: Random;
}

export interface Sweeper extends AsyncDisposable {
  /** Sweeps now if this process holds, or can take, the sweeper's lease; `undefined` when another one does. */
  run(): Promise<SweepReport | undefined>;
  /** Waits for a round under way and frees the lease. */
  stop(): Promise<void>;
}

const INTERVAL_MS = 30_000;
const REFERENCE = { type: "orbit.sweeper", key: noKey } as const;

/** Sweeps at an interval, one runner by lease. Correctness never depends on it: it frees room and hosts early. */
export function startSweeper(options: SweeperOptions): Sweeper {
  const { session, lock, sweep, clock = systemClock, random = systemRandom } = options;
  const intervalMs = options.intervalMs ?? INTERVAL_MS;
  const stopping = new AbortController();
  let cancel: Cancel | undefined;
  let round: Promise<SweepReport | undefined> | undefined;

  const report = (error: unknown): void => {
    if (!stopping.signal.aborted) options.onError(StoreError.from(error, { operation: "sweep" }));
  };
  const once = async (): Promise<SweepReport | undefined> => {
    const acquired = await lock.acquire(REFERENCE, session);
    if (!acquired.ok) return undefined;
    const { lease } = acquired;
    try {
      return await sweep(AbortSignal.any([lease.lost, stopping.signal]));
    } finally {
      // A lease that could not be freed ends with its node; that must not hide why a round failed.
      await lease.release().catch(report);
    }
  };
  const run = (): Promise<SweepReport | undefined> => {
    round ??= once().finally(() => {
      round = undefined;
    });
    return round;
  };
  const schedule = (): void => {
    cancel = clock.after(intervalMs * (0.9 + random.number() / 5), () => void tick());
  };
  const tick = async (): Promise<void> => {
    try {
      await run();
    } catch (error) {
      report(error);
    }
    if (!stopping.signal.aborted) schedule();
  };
  const stop = async (): Promise<void> => {
    cancel?.();
    stopping.abort();
    await round?.catch(() => undefined);
  };
  schedule();
  return { run, stop, [Symbol.asyncDispose]: stop };
}
