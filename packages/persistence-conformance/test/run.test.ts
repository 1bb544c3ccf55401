import { StoreError } from "@orbit/persistence";
import { mapData, mapDriver } from "@orbit/persistence/testing";
import { expect, test } from "vitest";

import { conformance, LawBroken, registerConformance, runConformance, type Runner, summaryOf } from "../src/index.ts";
import { FaultLink, linkFaults } from "./fault-link.ts";

const data = mapData();
const harness = { name: "map", open: () => mapDriver({ data }), scale: 0.1 };

test("a filter chooses laws by group, name or layer, and the report is not of a whole run", async () => {
  const report = await runConformance(harness, { filter: "h bulk reads" });
  expect(report.groups).toMatchObject([{ group: "H", status: "passed", failed: 0 }]);
  expect(report.conformant).toBe(false);
  const byName = await runConformance(harness, { filter: /a stale delete loses/ });
  expect(byName.laws.map(({ name }) => name)).toHaveLength(2);
  const layered = await runConformance({ ...harness, layers: ["encrypt"] }, { filter: "l operations" });
  expect(layered.groups.map(({ layer }) => layer)).toEqual([undefined, "encrypt"]);
});

test("progress tells each law, and a signal ends the run after the one under way", async () => {
  const stop = new AbortController();
  const seen: string[] = [];
  const report = await runConformance(harness, {
    filter: "G Lists",
    signal: stop.signal,
    onProgress: ({ result, done, total }) => {
      seen.push(result.name);
      expect(total).toBeGreaterThan(done);
      if (done === 3) stop.abort();
    },
  });
  expect(report.laws.map(({ name }) => name)).toEqual(seen);
  expect(seen).toHaveLength(3);
});

test("what is not declared is refused, and reported as not applicable", async () => {
  const bare = (): ReturnType<typeof mapDriver> => {
    const { commit: _, ...driver } = mapDriver({ data });
    const { capabilities } = driver;
    const limits = { ...capabilities.limits, maxCommitOps: 0 };
    return { ...driver, capabilities: { ...capabilities, commit: "none", limits } };
  };
  const report = await runConformance({ name: "bare", open: bare, scale: 0.1 }, { filter: "I Transactions" });
  expect(report.groups).toMatchObject([{ group: "I", status: "not-applicable", passed: 0, failed: 0 }]);
  const half = (): ReturnType<typeof mapDriver> => ({ ...bare(), commit: async () => ({ ok: true, versions: [] }) });
  const lying = await runConformance({ name: "lying", open: half, scale: 0.1 }, { filter: "I Transactions" });
  expect(lying.groups).toMatchObject([{ group: "I", status: "failed", passed: 0 }]);
});

test("faults that the harness can't make are reported as not given, and shown as skipped", async () => {
  const report = await runConformance(harness, { filter: "K Failures" });
  expect(report.groups).toMatchObject([{ group: "K", status: "not-given", passed: 0, failed: 0 }]);
  expect(report.groups[0]?.notGiven).toBeGreaterThan(40);
  const skipped: string[] = [];
  const runner: Runner = {
    describe: (_title, body) => body(),
    it: (title, { skip }) => skip && skipped.push(title),
  };
  registerConformance(runner, harness);
  expect(skipped.length).toBeGreaterThan(40);
  const open = harness.open;
  const { restart: _, ...faults } = linkFaults(new FaultLink(), open);
  const [first] = conformance({ ...harness, faults }).filter(({ name }) => name.startsWith("after a restart"));
  expect(first?.given).toBe(false);
  expect(await first?.run()).toBe("not-given");
});

test("a driver that never answers breaks the law that it is asked for, by name", async () => {
  const open = (): ReturnType<typeof mapDriver> => ({
    ...mapDriver({ data }),
    get: () => new Promise(() => undefined),
  });
  const [spec] = conformance({ name: "silent", open, timeoutMs: 50 }).filter(({ name }) =>
    name.startsWith("a create of an absent key"),
  );
  const error = await spec?.run().catch((cause: unknown) => cause);
  expect(error).toBeInstanceOf(LawBroken);
  expect(error).toMatchObject({ law: "every call settles", expected: "within 50 ms" });
});

test("an error that no law expects is told with its cause", async () => {
  const cause = new StoreError("UNAVAILABLE", "the cable is cut");
  const open = (): ReturnType<typeof mapDriver> => ({ ...mapDriver({ data }), open: () => Promise.reject(cause) });
  const { laws } = await runConformance({ name: "cut", open }, { filter: "an absent key wins" });
  expect(laws).toHaveLength(2);
  expect(laws[0]?.failure).toMatch(/expected: no error\n {2}found: {4}StoreError: \[UNAVAILABLE\] .*the cable is cut/);
});

test("a summary holds the verdict and what is broken, and is plain data", async () => {
  const open = (): ReturnType<typeof mapDriver> => ({
    ...mapDriver({ data }),
    health: async () => ({ status: "healthy", latencyMs: -1 }),
  });
  const report = await runConformance({ name: "map", open, scale: 0.1 }, { filter: "L Operations", provedOn: "a Map" });
  const summary: unknown = JSON.parse(JSON.stringify(summaryOf(report)));
  expect(summary).toMatchObject({
    kit: "0.1.0",
    contract: 1,
    provider: "map",
    provedOn: "a Map",
    conformant: false,
    capabilities: { scope: "process" },
    groups: [{ group: "L", status: "failed", failed: 1 }],
    broken: [{ group: "L", failure: expect.stringContaining("how long the check took") }],
  });
  expect(summary).not.toHaveProperty("laws");
});

test("a seed replays the random choices of a law", async () => {
  const told: string[] = [];
  for (let run = 0; run < 2; run += 1) {
    const asked: string[] = [];
    const open = (): ReturnType<typeof mapDriver> => {
      const driver = mapDriver({ data });
      return {
        ...driver,
        put: (key, value, when) => (asked.push(`${when === "absent"}`), driver.put(key, value, when)),
      };
    };
    const laws = conformance({ name: "map", open, seed: 7 }).filter(({ name }) =>
      name.startsWith("recorded histories"),
    );
    await laws[0]?.run();
    told.push(asked.join());
  }
  expect(told[0]).toBe(told[1]);
  expect(told[0]?.length).toBeGreaterThan(100);
});
