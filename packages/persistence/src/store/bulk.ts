import type { CallOptions } from "../contract/driver.ts";
import type { Delete, Put, PutOp, WriteOp } from "../contract/entry.ts";
import { StoreError } from "../contract/error.ts";
import { driverOp, type RecordOp } from "./commit.ts";
import { isSuperseded, type RecordConflict, type Records, type Written } from "./records.ts";
import { settleAll } from "./settle.ts";

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
  if (records.driver.write === undefined || ops.some(({ when }) => isSuperseded(when))) {
    return settleAll(ops, CONCURRENCY, (op) =>
      op.type === "put"
        ? records.put(op.key, op.record, op.when, { ...bounded, ttlMs: op.ttlMs })
        : records.delete(op.key, op.when, bounded),
    );
  }
  const prepared = ops.map((op): Prepared | StoreError => {
    const nonce = records.nonce();
    try {
      return { op: driverOp(records, op, nonce), nonce };
    } catch (error) {
      return StoreError.from(error, { provider: records.driver.name, operation: "write", key: op.key });
    }
  });
  const answers = await sendBulk(records, prepared, bounded);
  return settleAll(ops, CONCURRENCY, async (op, index): Promise<BulkResult> => {
    const ready = prepared[index];
    if (StoreError.is(ready)) throw ready;
    const answer = (ready && answers.get(ready)) ?? leftOut(records, op.key);
    return op.type === "put" && ready?.op.type === "put"
      ? resolvePut(records, op, ready.op, ready.nonce, answer as Put | StoreError, bounded)
      : resolveDelete(records, op.key, answer);
  });
}

interface Prepared {
  readonly op: WriteOp;
  readonly nonce: Uint8Array;
}

/** Sends what was prepared in one call. Where the whole call may have been applied, so may have been each operation. */
async function sendBulk(
  records: Records,
  prepared: readonly (Prepared | StoreError)[],
  bounded: CallOptions,
): Promise<ReadonlyMap<Prepared, Put | Delete | StoreError | undefined>> {
  const sent = prepared.filter((each): each is Prepared => !StoreError.is(each));
  if (sent.length === 0) return new Map();
  const ops = sent.map(({ op }) => op);
  try {
    const answers = await records.run("write", undefined, bounded, "unknown", (call) =>
      records.driver.write!(ops, call),
    );
    return new Map(sent.map((each, index) => [each, answers[index]]));
  } catch (error) {
    if (!StoreError.is(error) || error.outcome === "none") throw error;
    return new Map(sent.map((each) => [each, error]));
  }
}

function leftOut(records: Records, key: string): StoreError {
  const context = { provider: records.driver.name, operation: "write", key };
  return new StoreError("INTERNAL", "the driver left out an answer", { ...context, outcome: "unknown" });
}

function resolvePut(
  records: Records,
  op: Extract<RecordOp, { type: "put" }>,
  put: PutOp,
  nonce: Uint8Array,
  answer: Put | StoreError,
  bounded: CallOptions,
): Promise<Written> {
  let first: Put | StoreError | undefined = answer;
  const send = async (): Promise<Put> => {
    const earlier = first;
    first = undefined;
    if (StoreError.is(earlier)) {
      throw StoreError.from(earlier, { provider: records.driver.name, operation: "write", key: op.key });
    }
    if (earlier !== undefined) return earlier;
    return records.run("put", op.key, bounded, "unknown", (call) =>
      records.driver.put(op.key, put.value, put.when, { ...call, ttlMs: op.ttlMs }),
    );
  };
  const readBack = (): ReturnType<Records["get"]> => records.get(op.key, bounded);
  const resend = typeof op.when !== "string";
  return records.settle(op.when, nonce, bounded, { send, readBack, resend });
}

function resolveDelete(
  records: Records,
  key: string,
  answer: Put | Delete | StoreError,
): { ok: true } | RecordConflict {
  if (StoreError.is(answer)) throw StoreError.from(answer, { provider: records.driver.name, operation: "write", key });
  if (answer.ok) return { ok: true };
  return { ok: false, current: answer.current === undefined ? undefined : records.read(answer.current, "write") };
}
