import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { type Provider, StoreError } from "@orbit/persistence";
import { CONTRACT, defineOptions, type StoreDriver } from "@orbit/persistence/driver";
import { mapData, mapDriver } from "@orbit/persistence/testing";
import { afterAll, expect, test } from "vitest";

import { main } from "../src/cli.ts";

const directory = mkdtempSync(join(tmpdir(), "orbit conformance #"));
afterAll(() => rmSync(directory, { recursive: true }));

function provider(scheme: string, create: () => StoreDriver): Provider {
  return { name: scheme, contract: CONTRACT, types: [scheme], schemes: [scheme], options: defineOptions({}), create };
}

const clusterData = mapData();
const cluster = (): StoreDriver => {
  const driver = mapDriver({ data: clusterData });
  return { ...driver, capabilities: { ...driver.capabilities, scope: "cluster" } };
};
const providers = [
  provider("process", () => mapDriver()),
  provider("cluster", cluster),
  provider("sick", () => ({ ...mapDriver(), health: async () => ({ status: "healthy", latencyMs: -1 }) })),
  provider("away", () => ({
    ...cluster(),
    open: () => Promise.reject(new StoreError("UNAVAILABLE", "nobody answers")),
  })),
];

async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  let [out, err] = ["", ""];
  const code = await main(args, {
    out: (text) => void (out += text),
    err: (text) => void (err += text),
    isTerminal: false,
    directory,
    signal: new AbortController().signal,
    providers,
  });
  return { code, out, err };
}

const written = (name: string): unknown => JSON.parse(readFileSync(join(directory, name), "utf8"));

test("a sound provider is conformant, and the badge says so", async () => {
  const { code, out, err } = await run("process:", "--scale", "0.1", "--proved-on", "a Map");
  expect(err).toBe("");
  expect(out).toMatch(/^map is conformant on a Map: \d+ laws, 0 broken/m);
  expect(out).toMatch(/^B Compare and set +passed +\d+ +0 +0 +0$/m);
  expect(out).toMatch(/^K Failures +not-given +0 +0 +\d+ +\d+$/m);
  expect(code).toBe(0);
  const summary = { provider: "map", conformant: true, provedOn: "a Map", broken: [] };
  expect(written("conformance.json")).toMatchObject(summary);
});

test("drivers of a shared backend are made anew for each law; a part of the laws makes no badge", async () => {
  const { code, out } = await run("cluster:", "--filter", "three opens at once", "--output", "part.json");
  expect(code).toBe(0);
  expect(out).toMatch(/^map was not proved in full: 1 laws, 0 broken/m);
  expect(written("part.json")).toMatchObject({ conformant: false, broken: [] });
});

test("a broken law is told at once, and ends in code 1", async () => {
  const { code, out, err } = await run("sick:", "--scale", "0.1", "--filter", "L Operations", "--output", "sick.json");
  expect(code).toBe(1);
  expect(err).toMatch(/BROKEN L health tells a status.*\n.*\n {2}expected: 0 to .* ms\n {2}found: {4}-1/);
  expect(out).toMatch(/^map is not conformant: 5 laws, 1 broken/m);
  expect(written("sick.json")).toMatchObject({ conformant: false, groups: [{ group: "L", failed: 1 }] });
});

test("--json prints the whole report and nothing else", async () => {
  const { code, out } = await run("process:", "--json", "--filter", "L Operations");
  expect(code).toBe(0);
  expect(JSON.parse(out)).toMatchObject({ provider: "map", laws: expect.arrayContaining([]), conformant: false });
});

test.each([
  [["--bogus", "process:"], /'--bogus'[^]*See orbit-conformance --help/],
  [[], /Expected one URL, found 0/],
  [["process:", "process:"], /Expected one URL, found 2/],
  [["process:", "--scale", "0"], /--scale: expected a number above 0/],
  [["process:", "--seed", "x"], /--seed: expected a whole number/],
  [["nowhere:"], /INVALID_CONFIG[^]*nowhere/],
  [["away:"], /UNAVAILABLE[^]*nobody answers/],
  [["process:", "--filter", "L Operations", "--output", "no/such/x.json"], /--output: the summary can't be written/],
])("%j can't be run, which is said in words and code 2", async (args, said) => {
  const { code, err } = await run(...args);
  expect(err).toMatch(said);
  expect(code).toBe(2);
});

test("--help explains itself", async () => {
  const { code, out } = await run("--help");
  expect(code).toBe(0);
  expect(out).toMatch(/^Usage: orbit-conformance <url>/);
});

test("a filter that nothing fits proves nothing", async () => {
  expect((await run("process:", "--filter", "no such law")).code).toBe(1);
});
