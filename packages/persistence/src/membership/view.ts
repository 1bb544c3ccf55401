import { createHash } from "node:crypto";

import type { CallOptions } from "../contract/driver.ts";
import { StoreError } from "../contract/error.ts";
import type { MembershipView, NodeInfo } from "../contract/membership.ts";
import { checkStart } from "../runtime/wait.ts";
import type { StoreMembership } from "./membership.ts";

/** Looks at least this often: nodes also expire without a change in the store. */
const POLL_MS = 1_000;

/** Makes the view of a set of nodes; its version is a hash of the set. */
export function viewOf(nodes: readonly NodeInfo[]): MembershipView {
  const sorted = nodes.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  return { version: createHash("sha256").update(JSON.stringify(sorted)).digest("hex").slice(0, 32), nodes: sorted };
}

/** Yields the present view, then each one whose version differs from the last. */
export async function* watchViews(
  membership: StoreMembership,
  options: CallOptions,
): AsyncGenerator<MembershipView, void, undefined> {
  const { records, keys, namespace } = membership;
  const { clock } = records;
  const changes = records.driver
    .watch?.({ prefix: keys.range([namespace, ""]).prefix }, options)
    [Symbol.asyncIterator]();
  let changed = false;
  let failure: StoreError | undefined;
  let wake = (): void => undefined;
  const onAbort = (): void => wake();
  const follow = async (): Promise<void> => {
    try {
      while (changes !== undefined && (await changes.next()).done !== true) {
        changed = true;
        wake();
      }
    } catch (error) {
      failure = StoreError.from(error, { provider: records.driver.name, operation: "watch" });
      wake();
    }
  };
  const pause = (): Promise<void> =>
    new Promise((resolve) => {
      const cancel = clock.after(POLL_MS, resolve);
      wake = () => {
        cancel();
        resolve();
      };
    });
  options.signal?.addEventListener("abort", onAbort, { once: true });
  void follow();
  let last: string | undefined;
  try {
    for (;;) {
      checkStart(clock, options);
      if (failure !== undefined) throw failure;
      changed = false;
      const view = await membership.view(options);
      if (view.version !== last) {
        last = view.version;
        yield view;
      }
      if (!changed && failure === undefined) await pause();
    }
  } finally {
    options.signal?.removeEventListener("abort", onAbort);
    await changes?.return?.();
  }
}
