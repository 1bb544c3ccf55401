import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";

import { ErrorSchema } from "../src/gen/errorpb_pb.ts";
import { judge } from "../src/region/verdict.ts";

const region = { id: 7n, version: 5n, confVersion: 3n };
const verdict = (error: MessageInitShape<typeof ErrorSchema>) => judge(create(ErrorSchema, error), region);
const epoch = (version: bigint, confVer: bigint) => ({ id: 7n, regionEpoch: { version, confVer } });

const TABLE: readonly (readonly [string, MessageInitShape<typeof ErrorSchema>, object])[] = [
  ["not_leader, with one", { notLeader: { leader: { id: 9n } } }, { next: "follow", leader: { id: 9n } }],
  ["not_leader, without", { notLeader: {} }, { next: "next-peer", sleep: "regionScheduling" }],
  ["epoch_not_match, empty", { epochNotMatch: {} }, { next: "relocate", sleep: "regionMiss" }],
  ["epoch_not_match, newer", { epochNotMatch: { currentRegions: [epoch(6n, 3n)] } }, { next: "replace" }],
  [
    "epoch_not_match, behind",
    { epochNotMatch: { currentRegions: [epoch(4n, 3n)] } },
    { next: "same", sleep: "regionMiss" },
  ],
  [
    "epoch_not_match, peers behind",
    { epochNotMatch: { currentRegions: [epoch(5n, 2n)] } },
    { next: "same", sleep: "regionMiss" },
  ],
  ["region_not_found", { regionNotFound: {} }, { next: "relocate", sleep: "regionMiss", unsure: true }],
  ["key_not_in_region", { keyNotInRegion: {} }, { next: "relocate", sleep: "regionMiss" }],
  ["store_not_match", { storeNotMatch: {} }, { next: "moved", sleep: "regionMiss" }],
  ["server_is_busy", { serverIsBusy: { reason: "full" } }, { next: "same", sleep: "tikvServerBusy" }],
  ["stale_command", { staleCommand: {} }, { next: "next-peer", sleep: "staleCommand", unsure: true }],
  ["raft_entry_too_large", { raftEntryTooLarge: { entrySize: 9n } }, { next: "fail", code: "TOO_LARGE" }],
  ["max_timestamp_not_synced", { maxTimestampNotSynced: {} }, { next: "same", sleep: "maxTsNotSynced" }],
  ["read_index_not_ready", { readIndexNotReady: {} }, { next: "same", sleep: "regionScheduling" }],
  ["proposal_in_merging_mode", { proposalInMergingMode: {} }, { next: "same", sleep: "regionScheduling" }],
  ["data_is_not_ready", { dataIsNotReady: {} }, { next: "same" }],
  ["region_not_initialized", { regionNotInitialized: {} }, { next: "same", sleep: "regionNotInitialized" }],
  ["disk_full", { diskFull: { reason: "full" } }, { next: "same", sleep: "tikvDiskFull" }],
  ["recovery_in_progress", { RecoveryInProgress: {} }, { next: "relocate", sleep: "regionRecovery" }],
  ["is_witness", { isWitness: {} }, { next: "relocate", sleep: "isWitness" }],
  ["flashback_in_progress", { FlashbackInProgress: {} }, { next: "fail", code: "REFUSED" }],
  ["flashback_not_prepared", { FlashbackNotPrepared: {} }, { next: "fail", code: "REFUSED" }],
  ["mismatch_peer_id", { mismatchPeerId: {} }, { next: "relocate", sleep: "regionMiss" }],
  ["bucket_version_not_match", { bucketVersionNotMatch: {} }, { next: "relocate", sleep: "regionMiss" }],
  ["one that is not known", { message: "new" }, { next: "next-peer", sleep: "regionScheduling", unsure: true }],
];

describe("the region-error table", () => {
  test.each(TABLE)("%s", (_name, error, expected) => {
    const { reason, ...rest } = verdict(error);
    expect(reason).not.toBe("");
    expect(rest).toMatchObject(expected);
    // Nothing else is waited for, or doubted.
    expect("sleep" in rest).toBe("sleep" in expected);
    expect("unsure" in rest).toBe("unsure" in expected);
  });

  test("has a row for each error that the protocol has", () => {
    const rows = TABLE.map(([, error]) => Object.keys(error)[0]);
    expect(new Set(rows)).toEqual(new Set(ErrorSchema.fields.map(({ localName }) => localName)));
  });
});
