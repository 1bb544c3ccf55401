import { StoreError } from "@orbit/persistence";
import type { Around, DriverCall, DriverOperation } from "@orbit/persistence/driver";

import { LawBroken } from "../assert.ts";

/** Kinds of records, as they stand in driver keys. */
export type Kind = "data" | "node" | "lease" | "floor" | "state";

export interface Match {
  readonly operation: DriverOperation;
  /** Any kind where absent; calls over many keys have none. */
  readonly kind?: Kind;
  /** Lets so many calls that match pass first. */
  readonly skip?: number;
}

/** One request of a driver that a script holds, on its way to the backend or back. */
export interface Held {
  /** Resolves when the call has been made, and holds it. */
  readonly arrived: Promise<void>;
  /** Lets it reach the backend and come back. */
  pass(): Promise<void>;
  /** Lets it reach the backend, once more on each call; nobody is answered. */
  land(): Promise<void>;
  /** Tells the caller that the outcome is unknown. The request may still land. */
  lose(): void;
  /** Holds nothing, where the call has not been made. */
  cancel(): void;
}

/** Holds requests of a driver and lets them go one by one, so that a script decides the order in which they land. */
export class Gate {
  readonly #waiting: { readonly match: Match; left: number; readonly take: (call: Parked) => void }[] = [];

  /** Between store and driver: every call comes by. */
  readonly around: Around = async (call, options, run) => {
    const index = this.#waiting.findIndex(({ match }) => fits(match, call));
    const waiting = this.#waiting[index];
    if (waiting === undefined || waiting.left-- > 0) return run(options);
    this.#waiting.splice(index, 1);
    const { promise, resolve, reject } = Promise.withResolvers<Awaited<ReturnType<typeof run>>>();
    waiting.take({ run: () => run(options), resolve: (answer) => resolve(answer as never), reject });
    return promise;
  };

  /** Holds the next call that matches. */
  hold(match: Match): Held {
    const parked = Promise.withResolvers<Parked>();
    const waiting = { match, left: match.skip ?? 0, take: parked.resolve };
    this.#waiting.push(waiting);
    let call: Parked | undefined;
    const arrived = parked.promise.then((found) => void (call = found));
    const here = (): Parked => {
      if (call !== undefined) return call;
      throw new LawBroken(
        "a scripted request is made",
        `a ${match.operation} of ${match.kind ?? "any kind"}`,
        "none yet",
      );
    };
    return {
      arrived,
      async pass() {
        const { run, resolve, reject } = here();
        await run().then(resolve, reject);
      },
      async land() {
        await here().run();
      },
      cancel: () => {
        const index = this.#waiting.indexOf(waiting);
        if (index >= 0) this.#waiting.splice(index, 1);
      },
      lose() {
        here().reject(new StoreError("UNAVAILABLE", "the answer was lost", { outcome: "unknown" }));
      },
    };
  }
}

/** Starts work whose end a script awaits later, or not at all when a law is broken before. */
export function begin<T>(work: Promise<T>): Promise<T> {
  work.catch(() => undefined);
  return work;
}

/** Lets a request go, which may never have been made because the work was done without it. */
export async function letGo(held: Held, work: Promise<unknown>): Promise<void> {
  const made = await Promise.race([held.arrived.then(() => true), work.then(() => false)]);
  if (made) await held.pass();
  else held.cancel();
}

interface Parked {
  readonly run: () => Promise<unknown>;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: unknown) => void;
}

function fits({ operation, kind }: Match, call: DriverCall): boolean {
  // Driver keys are parts joined by dashes: the namespace, then the kind.
  return call.operation === operation && (kind === undefined || call.key?.split("-")[1] === kind);
}
