import { StoreError } from "@orbit/persistence";

import { LawBroken, must } from "../assert.ts";
import type { Bench, Keyed } from "../bench.ts";
import type { Heal } from "../harness.ts";
import { LATE_MS } from "./timed.ts";

const POLL_MS = 5;
/** Connections that an instance may spread its calls over. */
const POOL = 16;

/** Asks again and again in real time, until the answer is true. What throws as a broken link does is no answer yet. */
export async function eventually(law: string, ask: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + LATE_MS;
  for (let last: unknown = "not yet"; ;) {
    try {
      if (await ask()) return;
    } catch (error) {
      if (!isBroken(error)) throw error;
      last = error;
    }
    if (performance.now() > end) throw new LawBroken(law, `within ${LATE_MS} ms`, String(last));
    await pause(POLL_MS);
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Makes a fault, works under it, and heals it whatever happens. */
export async function under<T>(fault: Promise<Heal>, work: (heal: Heal) => Promise<T>): Promise<T> {
  const healing = await fault;
  let healed: Promise<void> | undefined;
  const heal = (): Promise<void> => (healed ??= healing());
  try {
    return await work(heal);
  } finally {
    await heal();
  }
}

/** Has an instance open the connections that it will use: a request under way can be cut only where there is one. */
export async function warm(bench: Bench, instance: Pick<Keyed, "get">): Promise<void> {
  await Promise.all(Array.from({ length: POOL }, (_, index) => instance.get(bench.key(`warm${index}`))));
}

/** Fails unless the same instance serves again, without being opened anew. */
export function worksAgain(bench: Bench, instance: Keyed, after: string): Promise<void> {
  const law = `after ${after} the same instance works again, without being opened anew`;
  let attempt = 0;
  return eventually(law, async () => {
    const key = bench.key(`again-${after.replaceAll(" ", "-")}-${(attempt += 1)}`);
    const answer = await instance.put(key, bench.value("again"), "absent", soonest());
    return answer.ok && bench.text(await instance.get(key, soonest())) === "again";
  });
}

/** A deadline for calls that need not wait for a fault to be healed. */
export function soonest(): { readonly deadline: number } {
  return { deadline: performance.now() + 1_000 };
}

/** Whether an error is one that an honest driver tells when its backend can't be reached. */
export function isBroken(error: unknown): boolean {
  return StoreError.is(error) && (error.retryable || error.outcome === "unknown");
}

/** Whether a write that was applied was answered as such, or as one whose outcome nobody knows. */
export function honestlyApplied(answer: unknown, what: string): void {
  const honest = StoreError.is(answer) ? answer.outcome === "unknown" : (answer as { ok?: boolean }).ok === true;
  must(honest, `${what} that was applied is never told as a conflict or as not applied`, "ok, or unknown", answer);
}

/** Settles a call to its answer or its error, so that a script can look at it later. */
export function outcome<T>(work: Promise<T>): Promise<unknown> {
  return work.catch((error: unknown) => error);
}
