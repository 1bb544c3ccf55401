import { describe, expect, test } from "vitest";

import { type GroupId, GROUPS, runConformance } from "../src/index.ts";
import { bulkFaults } from "./faulty/bulk.ts";
import { clockFaults } from "./faulty/clocks.ts";
import { compareAndSetFaults } from "./faulty/compare-and-set.ts";
import { contractFaults } from "./faulty/contract.ts";
import { failureFaults } from "./faulty/failures.ts";
import { keyFaults } from "./faulty/keys.ts";
import { leaseFaults } from "./faulty/leases.ts";
import { listFaults } from "./faulty/lists.ts";
import { operationFaults } from "./faulty/operations.ts";
import { partitionFaults } from "./faulty/partitions.ts";
import { transactionFaults } from "./faulty/transactions.ts";
import { watchFaults } from "./faulty/watches.ts";

/** The kit is only worth what it finds: each of these breaks one law, and must turn its group red and no other. */
const FAULTY = [
  ...contractFaults,
  ...compareAndSetFaults,
  ...clockFaults,
  ...keyFaults,
  ...listFaults,
  ...leaseFaults,
  ...bulkFaults,
  ...transactionFaults,
  ...partitionFaults,
  ...watchFaults,
  ...failureFaults,
  ...operationFaults,
];

describe("a store that", () => {
  test.each(FAULTY)("$name", async ({ red, only, harness }) => {
    const report = await runConformance(harness(), only === undefined ? {} : { filter: only });
    const failures = report.laws.filter(({ status }) => status === "failed");
    const groups = new Set(failures.map(({ group }) => group));
    const inOrder = (Object.keys(GROUPS) as GroupId[]).filter((group) => groups.has(group));
    const told = failures.map(({ group, name, failure }) => `${group} ${name}\n${failure ?? ""}`).join("\n\n");
    expect(inOrder, told).toEqual(red.toSorted());
    expect(report.conformant).toBe(false);
  });
});
