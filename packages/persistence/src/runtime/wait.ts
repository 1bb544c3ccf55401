import type { CallOptions } from "../contract/driver.ts";
import { StoreError } from "../contract/error.ts";
import type { Clock } from "./clock.ts";

/** Throws `ABORTED` or `TIMEOUT` when a call must not be started, `INVALID_ARGUMENT` when its options are none. */
export function checkStart(clock: Clock, options: CallOptions | undefined): void {
  if (options === undefined) return;
  const { signal, deadline } = options;
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new StoreError("INVALID_ARGUMENT", "signal: expected an AbortSignal");
  }
  if (deadline !== undefined && (typeof deadline !== "number" || Number.isNaN(deadline))) {
    throw new StoreError("INVALID_ARGUMENT", "deadline: expected an instant on the store's clock, in milliseconds");
  }
  if (signal?.aborted === true) throw aborted(signal, "none");
  if (deadline !== undefined && clock.now() >= deadline) throw timedOut("none");
}

/**
 * Settles with `work`, or earlier with `ABORTED` or `TIMEOUT` of the given outcome. The work itself goes on: its later
 * failure is not reported as unhandled, since the caller has been told that the outcome is unknown.
 */
export function within<T>(
  work: Promise<T>,
  clock: Clock,
  options: CallOptions | undefined,
  outcome: "none" | "unknown",
): Promise<T> {
  const signal = options?.signal;
  const deadline = options?.deadline === Number.POSITIVE_INFINITY ? undefined : options?.deadline;
  if (signal === undefined && deadline === undefined) return work;
  return new Promise<T>((resolve, reject) => {
    const giveUp = (error: StoreError): void => {
      finish();
      reject(error);
    };
    const onAbort = (): void => giveUp(aborted(signal, outcome));
    const cancel =
      deadline === undefined ? undefined : clock.after(deadline - clock.now(), () => giveUp(timedOut(outcome)));
    const finish = (): void => {
      cancel?.();
      signal?.removeEventListener("abort", onAbort);
    };
    signal?.addEventListener("abort", onAbort, { once: true });
    work.then(
      (value) => {
        finish();
        resolve(value);
      },
      (error: unknown) => {
        finish();
        reject(error);
      },
    );
    if (signal?.aborted === true) onAbort();
  });
}

/** Resolves after `ms` on the clock; rejects with `ABORTED` when the signal fires first. */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(aborted(signal, "none"));
      return;
    }
    const onAbort = (): void => {
      cancel();
      reject(aborted(signal, "none"));
    };
    const cancel = clock.after(ms, () => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    });
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

function aborted(signal: AbortSignal | undefined, outcome: "none" | "unknown"): StoreError {
  return new StoreError("ABORTED", "the caller's signal was aborted", { outcome, cause: signal?.reason });
}

function timedOut(outcome: "none" | "unknown"): StoreError {
  return new StoreError("TIMEOUT", "the deadline passed", { outcome });
}
