import type { CallOptions } from "../contract/driver.ts";
import type { Delete, Put, WriteOp } from "../contract/entry.ts";
import { StoreError } from "../contract/error.ts";
import { driverOp, type RecordOp } from "./commit.ts";
import type { RecordConflict, Records, Written } from "./records.ts";

export type BulkResult = Written | { readonly ok: true } | RecordConflict | StoreError;

/** Writes that are under way at once on a driver without bulk writes. */
const CONCURRENCY = 32;

/** Writes each operation on its own; answers and errors stand in the order of `ops`. */
export async function writeRecords(
  records: Records,
  ops: readonly RecordOp[],
  options?: CallOptions,
): Promise<readonly BulkResult[]> {
  const bounded = records.bound(options);
  if (records.driver.write === undefined) {
    return settleAll(ops, CONCURRENCY, (op) =>
      op.type === "put"
        ? records.put(op.key, op.record, op.when, { ...bounded, ttlMs: op.ttlMs })
        : records.delete(op.key, op.when, bounded),
    );
  }
  const nonces = ops.map(() => records.nonce());
  const prepared = ops.map((op, index): WriteOp | StoreError => {
    try {
      return driverOp(records, op, nonces[index] ?? records.nonce());
    } catch (error) {
      return StoreError.from(error, { provider: records.driver.name, operation: "write", key: op.key });
    }
  });
  const sent = prepared.filter((op): op is WriteOp => !StoreError.is(op));
  const answers = await records.run("write", undefined, bounded, "unknown", (call) =>
    records.driver.write!(sent, call),
  );
  const first = new Map(sent.map((op, index) => [op, answers[index]]));
  return settleAll(ops, CONCURRENCY, async (op, index): Promise<BulkResult> => {
    const ready = prepared[index];
    if (ready === undefined || StoreError.is(ready)) throw ready;
    const answer = first.get(ready);
    return op.type === "put" && ready.type === "put"
      ? resolvePut(records, op, ready, answer as Put | StoreError | undefined, nonces[index], bounded)
      : resolveDelete(records, op.key, answer as Delete | StoreError | undefined);
  });
}

function resolvePut(
  records: Records,
  op: Extract<RecordOp, { type: "put" }>,
  ready: Extract<WriteOp, { type: "put" }>,
  answer: Put | StoreError | undefined,
  nonce: Uint8Array | undefined,
  bounded: CallOptions,
): Promise<Written> {
  let first = answer;
  const send = async (): Promise<Put> => {
    const earlier = first;
    first = undefined;
    if (StoreError.is(earlier))
      throw StoreError.from(earlier, { provider: records.driver.name, operation: "write", key: op.key });
    return (
      earlier ??
      records.run("put", op.key, bounded, "unknown", (call) =>
        records.driver.put(op.key, ready.value, ready.when, { ...call, ttlMs: op.ttlMs }),
      )
    );
  };
  const readBack = (): ReturnType<Records["get"]> => records.get(op.key, bounded);
  return records.settle(op.when, nonce ?? records.nonce(), bounded, {
    send,
    readBack,
    resend: typeof op.when !== "string",
  });
}

function resolveDelete(
  records: Records,
  key: string,
  answer: Delete | StoreError | undefined,
): { ok: true } | RecordConflict {
  if (answer === undefined)
    throw new StoreError("INTERNAL", "the driver left out an answer", { provider: records.driver.name, key });
  if (StoreError.is(answer)) throw StoreError.from(answer, { provider: records.driver.name, operation: "write", key });
  if (answer.ok) return answer;
  return { ok: false, current: answer.current === undefined ? undefined : records.read(answer.current, "write") };
}

/** Runs `work` over all items, some at once; a failure becomes the item's StoreError. */
export async function settleAll<T, R>(
  items: readonly T[],
  concurrency: number,
  work: (item: T, index: number) => Promise<R>,
): Promise<(R | StoreError)[]> {
  const results: (R | StoreError)[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length) {
      const index = next++;
      try {
        results[index] = await work(items[index] as T, index);
      } catch (error) {
        results[index] = StoreError.from(error, {});
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, items.length) }, worker));
  return results;
}
