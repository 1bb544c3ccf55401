import { type RawClient, TikvClient } from "@orbit/tikv-client";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";

import type { RegionError, TikvControl } from "./backends/tikv/control.ts";
import { startTikv, type TikvCluster } from "./backends/tikv/start.ts";
import { bytes, elsewhere, leaderOf, text } from "./tikv/keys.ts";

let cluster: TikvCluster;
let control: TikvControl;
let client: TikvClient;
let raw: RawClient;

// Building PD and PingCAP's store takes minutes where nothing is built yet.
beforeAll(async () => {
  cluster = await startTikv();
  control = cluster.control;
  client = await TikvClient.open({ endpoints: cluster.pd });
  raw = client.raw({ atomic: true });
}, 900_000);

afterAll(async () => {
  await client?.close();
  await cluster?.[Symbol.asyncDispose]();
});

afterEach(() => control.clearFaults());

const REGION_ERRORS: readonly (readonly [string, RegionError])[] = [
  ["not leader, and nobody leads", { notLeader: {} }],
  ["epoch does not match", { epochNotMatch: {} }],
  ["region not found", { regionNotFound: {} }],
  ["key not in region", { keyNotInRegion: {} }],
  ["store does not match", { storeNotMatch: {} }],
  ["stale command", { staleCommand: {} }],
  ["max timestamp not synced", { maxTimestampNotSynced: {} }],
  ["read index not ready", { readIndexNotReady: {} }],
  ["merging", { proposalInMergingMode: {} }],
  ["data is not ready", { dataIsNotReady: {} }],
  ["region not initialized", { regionNotInitialized: {} }],
  ["disk full", { diskFull: {} }],
  ["recovery", { RecoveryInProgress: {} }],
  ["witness", { isWitness: {} }],
  ["peer id does not match", { mismatchPeerId: {} }],
  ["bucket version does not match", { bucketVersionNotMatch: {} }],
  ["server is busy", { serverIsBusy: { reason: "full" } }],
  ["an error that is not known", { message: "of a later version" }],
];

describe("faults", () => {
  // Each in two calls one after another, so that what was learned from the first error is used too.
  test.each(REGION_ERRORS)("%s: a put and a read come through", async (_name, regionError) => {
    await raw.put(bytes("f/key"), bytes("before"));
    for (const command of ["RawPut", "RawGet"]) {
      const id = await control.fail({ kind: "regionError", regionError }, { command, count: 1 });
      await raw.put(bytes("f/key"), bytes(command));
      expect(text(await raw.get(bytes("f/key")))).toBe(command);
      expect(await control.hits(id)).toBe(1);
    }
  });

  test.each<[RegionError, string]>([
    [{ raftEntryTooLarge: { entrySize: "9000000" } }, "TOO_LARGE"],
    [{ FlashbackInProgress: {} }, "REFUSED"],
    [{ FlashbackNotPrepared: {} }, "REFUSED"],
  ])("%j ends a put with %s, once", async (regionError, code) => {
    const id = await control.fail({ kind: "regionError", regionError }, { count: -1 });
    await expect(raw.put(bytes("f/final"), bytes("1"))).rejects.toMatchObject({ code, outcome: "none" });
    expect(await control.hits(id)).toBe(1);
  });

  test("errors that never end give up in time, and tell the causes", async () => {
    await control.fail({ kind: "regionError", regionError: { notLeader: {} } }, { command: "RawGet", count: -1 });
    const failure = raw.get(bytes("f/never"), { timeoutMs: 500 });
    await expect(failure).rejects.toMatchObject({ code: "TIMEOUT", outcome: "none", retryable: true });
    await expect(failure).rejects.toThrow(/most of it for regionScheduling; last causes: .*not leader/);
  });

  test("a leader that moved is followed, with one command more", async () => {
    await raw.put(bytes("f/moved"), bytes("1"));
    const { region, store } = await leaderOf(control, "f/moved");
    await control.transfer(region, await elsewhere(control, store));
    const wrong = await control.fail({ kind: "late", delayMs: 1 }, { command: "RawGet", store, count: -1 });
    expect(text(await raw.get(bytes("f/moved")))).toBe("1");
    expect(text(await raw.get(bytes("f/moved")))).toBe("1");
    expect(await control.hits(wrong)).toBe(1);
  });

  test("a stream that breaks fails what was on it, and all of it comes through on the next", async () => {
    await raw.put(bytes("f/broken"), bytes("1"));
    const id = await control.fail({ kind: "status", code: "Unavailable" }, { command: "RawGet" });
    const reads = await Promise.all(Array.from({ length: 200 }, () => raw.get(bytes("f/broken"))));
    expect(new Set(reads.map(text))).toEqual(new Set(["1"]));
    expect(await control.hits(id)).toBe(1);
  });

  test("a put whose answer was lost is put again", async () => {
    const id = await control.fail({ kind: "status", code: "Unavailable", applied: true }, { command: "RawPut" });
    await raw.put(bytes("f/again"), bytes("1"));
    expect(await control.hits(id)).toBe(1);
    expect(text(await raw.get(bytes("f/again")))).toBe("1");
  });

  test("a put that is never answered ends at its deadline, undetermined", async () => {
    await control.fail({ kind: "drop", applied: true }, { command: "RawPut", count: -1 });
    const failure = raw.put(bytes("f/dropped"), bytes("1"), { timeoutMs: 300 });
    await expect(failure).rejects.toMatchObject({ code: "TIMEOUT", outcome: "unknown", retryable: false });
    expect(text(await raw.get(bytes("f/dropped")))).toBe("1");
  });

  test("a read that is never answered ends at its deadline, and with its signal", async () => {
    await control.fail({ kind: "drop" }, { command: "RawGet", count: -1 });
    const late = raw.get(bytes("f/dropped"), { timeoutMs: 300 });
    await expect(late).rejects.toMatchObject({ code: "TIMEOUT", outcome: "none", retryable: true });
    const controller = new AbortController();
    const aborted = raw.get(bytes("f/dropped"), { signal: controller.signal });
    setTimeout(() => controller.abort(new Error("enough")), 50);
    await expect(aborted).rejects.toMatchObject({ code: "ABORTED", cause: { message: "enough" } });
  });

  test("an answer that comes late is not taken for another's", async () => {
    await raw.batchPut(["1", "2"].map((each) => ({ key: bytes(`f/late/${each}`), value: bytes(each) })));
    await control.fail({ kind: "late", delayMs: 300 }, { command: "RawGet" });
    await expect(raw.get(bytes("f/late/1"), { timeoutMs: 100 })).rejects.toMatchObject({ code: "TIMEOUT" });
    const until = performance.now() + 500;
    while (performance.now() < until) expect(text(await raw.get(bytes("f/late/2")))).toBe("2");
  });

  describe("compare and swap", () => {
    const swap = (key: string, options = {}) =>
      raw.compareAndSwap(bytes(key), { previous: undefined, value: bytes("mine"), ...options });

    test.each([
      ["lost", { kind: "status", code: "Unavailable", applied: true }],
      ["late, as the server says", { kind: "status", code: "DeadlineExceeded", applied: true }],
      ["unknown", { kind: "status", code: "Unknown", applied: true }],
    ] as const)("is sent once, and is undetermined when its answer is %s", async (name, fault) => {
      const id = await control.fail(fault, { command: "RawCompareAndSwap", count: -1 });
      await expect(swap(`cas/${name}`)).rejects.toMatchObject({ outcome: "unknown", retryable: false });
      expect(await control.hits(id)).toBe(1);
      expect(text(await raw.get(bytes(`cas/${name}`)))).toBe("mine");
    });

    test("is undetermined when it is never answered", async () => {
      const id = await control.fail({ kind: "drop", applied: true }, { command: "RawCompareAndSwap", count: -1 });
      await expect(swap("cas/drop", { timeoutMs: 300 })).rejects.toMatchObject({ outcome: "unknown" });
      expect(await control.hits(id)).toBe(1);
    });

    test("is undetermined when it is aborted on its way", async () => {
      await control.fail({ kind: "drop", applied: true }, { command: "RawCompareAndSwap" });
      const controller = new AbortController();
      const swapping = swap("cas/abort", { signal: controller.signal });
      setTimeout(() => controller.abort(), 50);
      await expect(swapping).rejects.toMatchObject({ code: "ABORTED", outcome: "unknown" });
    });

    test.each<RegionError>([{ staleCommand: {} }, { regionNotFound: {} }, { message: "of a later version" }])(
      "is undetermined after %j, which may come from a leader that had proposed it",
      async (regionError) => {
        const id = await control.fail(
          { kind: "regionError", regionError },
          { command: "RawCompareAndSwap", count: -1 },
        );
        await expect(swap("cas/unsure")).rejects.toMatchObject({ outcome: "unknown" });
        expect(await control.hits(id)).toBe(1);
      },
    );

    test.each<RegionError>([{ notLeader: {} }, { epochNotMatch: {} }, { serverIsBusy: {} }])(
      "is sent again after %j, which comes before it is done",
      async (regionError) => {
        const key = `cas/again/${Object.keys(regionError)[0]}`;
        const id = await control.fail({ kind: "regionError", regionError }, { command: "RawCompareAndSwap" });
        expect(await swap(key)).toEqual({ swapped: true, previous: undefined });
        expect(await control.hits(id)).toBe(1);
      },
    );

    test("of many writers, each wins as often as it says", async () => {
      const key = bytes("cas/counter");
      let wins = 0;
      const writer = async (): Promise<void> => {
        for (let round = 0; round < 20; round++) {
          const previous = await raw.get(key);
          const value = bytes(String(Number(text(previous) ?? 0) + 1));
          if ((await raw.compareAndSwap(key, { previous, value })).swapped) wins++;
        }
      };
      await Promise.all(Array.from({ length: 16 }, writer));
      expect(Number(text(await raw.get(key)))).toBe(wins);
      expect(wins).toBeGreaterThan(0);
    });
  });
});
