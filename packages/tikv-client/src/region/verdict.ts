import type { BackoffKind } from "../call/backoff.ts";
import type { TikvErrorCode } from "../errors.ts";
import type { Error as RegionError } from "../gen/errorpb_pb.ts";
import type { Peer, Region as RegionMeta } from "../gen/metapb_pb.ts";

/**
 * What to do about a region error: ask the same peer again, ask the peer that leads, ask the next peer, look the region
 * up again, or fail. The sleep comes before that.
 */
export type Verdict = (
  | { readonly next: "same" | "next-peer" | "relocate" }
  | { readonly next: "follow"; readonly leader: Peer }
  | { readonly next: "replace"; readonly current: readonly RegionMeta[] }
  /** Another store answers at the address. */
  | { readonly next: "moved" }
  | { readonly next: "fail"; readonly code: TikvErrorCode }
) & {
  readonly reason: string;
  /** Without it, nothing is waited for; a few such retries are free. */
  readonly sleep?: BackoffKind;
  /** The command may have been executed all the same, so what must not be done twice must not be sent again. */
  readonly unsure?: true;
};

/** Judges a region error by what client-go and TiKV do (research in docs: client-go's `onRegionError`). */
export function judge(
  error: RegionError,
  region: { readonly version: bigint; readonly confVersion: bigint; readonly id: bigint },
): Verdict {
  const text = (kind: string): string => (error.message === "" ? kind : `${kind}: ${error.message}`);
  if (error.notLeader !== undefined) {
    const { leader } = error.notLeader;
    const reason = text("not leader");
    if (leader !== undefined && leader.id !== 0n) return { next: "follow", leader, reason };
    return { next: "next-peer", sleep: "regionScheduling", reason };
  }
  if (error.epochNotMatch !== undefined) {
    const current = error.epochNotMatch.currentRegions;
    const reason = text("epoch does not match");
    if (current.length === 0) return { next: "relocate", sleep: "regionMiss", reason };
    const theirs = current.find(({ id }) => id === region.id)?.regionEpoch;
    // The store has not yet seen the change that is known here.
    const behind = theirs !== undefined && (theirs.version < region.version || theirs.confVer < region.confVersion);
    return behind ? { next: "same", sleep: "regionMiss", reason } : { next: "replace", current, reason };
  }
  // The peer may have been removed after it had proposed the command.
  if (error.regionNotFound !== undefined)
    return { next: "relocate", sleep: "regionMiss", reason: text("region not found"), unsure: true };
  if (error.keyNotInRegion !== undefined)
    return { next: "relocate", sleep: "regionMiss", reason: text("key not in region") };
  if (error.storeNotMatch !== undefined)
    return { next: "moved", sleep: "regionMiss", reason: text("store does not match") };
  if (error.serverIsBusy !== undefined) {
    return { next: "same", sleep: "tikvServerBusy", reason: text(`server is busy, ${error.serverIsBusy.reason}`) };
  }
  // The leader stepped down with the command in its log; the next leader may still execute it.
  if (error.staleCommand !== undefined)
    return { next: "next-peer", sleep: "staleCommand", reason: text("stale command"), unsure: true };
  if (error.raftEntryTooLarge !== undefined) {
    return {
      next: "fail",
      code: "TOO_LARGE",
      reason: text(`a write of ${error.raftEntryTooLarge.entrySize} bytes is too large for the log`),
    };
  }
  if (error.maxTimestampNotSynced !== undefined)
    return { next: "same", sleep: "maxTsNotSynced", reason: text("max timestamp not synced") };
  if (error.readIndexNotReady !== undefined)
    return { next: "same", sleep: "regionScheduling", reason: text("read index not ready") };
  if (error.proposalInMergingMode !== undefined)
    return { next: "same", sleep: "regionScheduling", reason: text("region is merging") };
  if (error.dataIsNotReady !== undefined) return { next: "same", reason: text("data is not ready") };
  if (error.regionNotInitialized !== undefined)
    return { next: "same", sleep: "regionNotInitialized", reason: text("region not initialized") };
  if (error.diskFull !== undefined)
    return { next: "same", sleep: "tikvDiskFull", reason: text(`disk full, ${error.diskFull.reason}`) };
  if (error.RecoveryInProgress !== undefined)
    return { next: "relocate", sleep: "regionRecovery", reason: text("recovery in progress") };
  if (error.isWitness !== undefined) return { next: "relocate", sleep: "isWitness", reason: text("peer is a witness") };
  if (error.FlashbackInProgress !== undefined)
    return { next: "fail", code: "REFUSED", reason: text("a flashback is in progress") };
  if (error.FlashbackNotPrepared !== undefined)
    return { next: "fail", code: "REFUSED", reason: text("a flashback was not prepared") };
  if (error.mismatchPeerId !== undefined)
    return { next: "relocate", sleep: "regionMiss", reason: text("peer id does not match") };
  if (error.bucketVersionNotMatch !== undefined)
    return { next: "relocate", sleep: "regionMiss", reason: text("bucket version does not match") };
  return { next: "next-peer", sleep: "regionScheduling", reason: text("unknown region error"), unsure: true };
}
