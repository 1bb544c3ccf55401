import type { CallOptions } from "../contract/driver.ts";
import type { Check, Commit, WriteOp } from "../contract/entry.ts";
import { StoreError } from "../contract/error.ts";
import {
  appliedAs,
  isSuperseded,
  SUPERSEDED,
  type Prior,
  type RecordBody,
  type Records,
  type RecordWhen,
  type StoredRecord,
} from "./records.ts";

export interface RecordCheck {
  readonly key: string;
  readonly when: "absent" | Prior;
}

export type RecordOp =
  | {
      readonly type: "put";
      readonly key: string;
      readonly record: RecordBody;
      readonly when: RecordWhen;
      readonly ttlMs?: number | undefined;
    }
  | { readonly type: "delete"; readonly key: string; readonly when: "always" | Prior };

export type Committed =
  /** `superseded`: it was applied, and a record that it wrote has been replaced since. */
  | { readonly ok: true; readonly priors: readonly (Prior | undefined)[]; readonly superseded: boolean }
  | { readonly ok: false; readonly conflicts: readonly RecordCommitConflict[] };

export interface RecordCommitConflict {
  readonly key: string;
  readonly current: StoredRecord | undefined;
}

/** Applies all operations or none. An unknown outcome is resolved as in {@link Records.put}. */
export async function commitRecords(
  records: Records,
  checks: readonly RecordCheck[],
  ops: readonly RecordOp[],
  options?: CallOptions,
): Promise<Committed> {
  const { driver } = records;
  if (driver.commit === undefined || records.capabilities.commit === "none") {
    throw new StoreError("UNSUPPORTED", "commit is not a capability of this provider", { provider: driver.name });
  }
  const { maxCommitOps } = records.capabilities.limits;
  if (checks.length + ops.length > maxCommitOps) {
    const reason = `${checks.length + ops.length} checks and operations, the limit is ${maxCommitOps}`;
    throw new StoreError("TOO_LARGE", reason, { provider: driver.name, operation: "commit" });
  }
  const bounded = records.bound(options);
  if (checks.some(isStale) || ops.some(isStale)) {
    const stale = [...checks, ...ops].filter(isStale);
    const conflicts = stale.map(async ({ key }) => ({ key, current: await records.get(key, bounded) }));
    return { ok: false, conflicts: await Promise.all(conflicts) };
  }
  const nonces = ops.map(() => records.nonce());
  const driverChecks: Check[] = checks.map(({ key, when }) => ({
    key,
    when: when === "absent" ? when : { version: when.version },
  }));
  const driverOps = ops.map((op, index) => driverOp(records, op, nonces[index] ?? records.nonce()));
  // Once applied, an operation under a version can't apply again; creates and unconditional writes could.
  const resend = ops.some((op) => typeof op.when !== "string");
  let unknown: StoreError | undefined;
  for (let attempt = 1; ; attempt += 1) {
    try {
      const answer: Commit = await records.run("commit", undefined, bounded, "unknown", (call) =>
        driver.commit!(driverChecks, driverOps, call),
      );
      if (answer.ok) {
        const priors = answer.versions.map((version, index) => {
          const nonce = nonces[index];
          return version === undefined || nonce === undefined ? undefined : { version, nonce };
        });
        return { ok: true, priors, superseded: false };
      }
      const conflicts = answer.conflicts.map(({ key, current }) => ({
        key,
        current: current === undefined ? undefined : records.read(current, "commit"),
      }));
      const applied = appliedCommit(ops, nonces, conflicts);
      if (applied !== undefined) return applied;
      if (unknown !== undefined) throw unknown;
      return { ok: false, conflicts };
    } catch (error) {
      if (!resend && StoreError.is(error) && error.outcome === "unknown") {
        const applied = await readBack(records, ops, nonces, bounded);
        if (applied !== undefined) return applied;
      }
      unknown = await records.pause(error, unknown, attempt, resend, bounded);
    }
  }
}

function isStale({ when }: RecordCheck | RecordOp): boolean {
  return isSuperseded(when);
}

/** A commit that must not be sent again: seeing one of its nonces proves it; seeing none proves nothing. */
async function readBack(
  records: Records,
  ops: readonly RecordOp[],
  nonces: readonly Uint8Array[],
  bounded: CallOptions,
): Promise<Committed | undefined> {
  try {
    const keys = ops.map(({ key }) => key);
    const found = await records.getMany(keys, bounded);
    return appliedCommit(
      ops,
      nonces,
      found.map((current, index) => ({ key: keys[index] ?? "", current })),
    );
  } catch (error) {
    // The read adds knowledge where it can; the commit's own error tells the caller what happened.
    if (StoreError.is(error)) return undefined;
    throw error;
  }
}

/** Encodes one operation for the driver. */
export function driverOp(records: Records, op: RecordOp, nonce: Uint8Array): WriteOp {
  if (op.type === "delete") {
    return { type: "delete", key: op.key, when: op.when === "always" ? op.when : { version: op.when.version } };
  }
  const value = records.encode(op.key, op.record, nonce, op.when);
  const when = typeof op.when === "string" ? op.when : { version: op.when.version };
  return op.ttlMs === undefined
    ? { type: "put", key: op.key, value, when }
    : { type: "put", key: op.key, value, when, ttlMs: op.ttlMs };
}

/** One record that carries its nonce proves the whole commit. */
function appliedCommit(
  ops: readonly RecordOp[],
  nonces: readonly Uint8Array[],
  conflicts: readonly RecordCommitConflict[],
): Committed | undefined {
  const found = ops.map((op, index) => {
    const nonce = nonces[index];
    const conflict = conflicts.find((each) => each.key === op.key);
    return op.type === "put" && nonce !== undefined ? appliedAs(conflict?.current, nonce) : undefined;
  });
  if (found.every((each) => each === undefined)) return undefined;
  const priors = ops.map((op, index) => {
    const nonce = nonces[index];
    return op.type === "put" && nonce !== undefined
      ? (found[index]?.prior ?? { version: SUPERSEDED, nonce })
      : undefined;
  });
  return { ok: true, priors, superseded: priors.some((prior) => prior?.version === SUPERSEDED) };
}
