import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { must, run } from "../lib/run.ts";
import { type Manifest, readJson } from "../lib/workspace.ts";

let out: string;
beforeAll(() => {
  out = mkdtempSync(join(tmpdir(), "orbit-release-test-"));
});
afterAll(() => rmSync(out, { recursive: true }));

test("a dry run under another scope leaves tarballs that name that scope alone", { timeout: 120_000 }, async () => {
  const output = await must("node", ["tools/release.ts", "--dry-run", "--scope", "@acme", "--out", out, "persistence"]);
  expect(output).toMatch(/^@acme\/persistence@\d+\.\d+\.\d+ packed: \S+acme-persistence-\S+\.tgz\n$/);

  await must("tar", ["-xzf", output.trim().split(" ").at(-1) ?? "", "-C", out]);
  const manifest = readJson<Manifest & { exports: Record<string, string> }>(join(out, "package", "package.json"));
  expect(manifest.name).toBe("@acme/persistence");
  expect(manifest.exports["."]).toBe("./dist/index.js");
  expect(readFileSync(join(out, "package", "LICENSE"), "utf8")).toContain("Apache License");
  const left = await run("grep", ["-rlE", "@orbit[\"'/]", join(out, "package")]);
  expect(left.output).toBe("");
});

test.each([
  [["--scope", "acme"], "acme is no npm scope: write it as @name.\n"],
  [["--dry-run", "nothing"], "There is no package nothing to release under packages/.\n"],
])("refuses %j", async (args, message) => {
  expect(await run("node", ["tools/release.ts", ...args])).toEqual({ code: 1, output: message });
});
