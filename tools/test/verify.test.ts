import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect, test } from "vitest";

import { run } from "../lib/run.ts";

test("runs what is asked for, and leaves the counts as the last line and in the file that CI names", async () => {
  const folder = mkdtempSync(join(tmpdir(), "orbit-verify-"));
  const summary = join(folder, "summary");
  const { code, output } = await run("node", ["tools/verify.ts", "--only", "format"], {
    env: { ORBIT_SUMMARY: summary },
  });
  const lines = output.trimEnd().split("\n");
  expect(lines[0]).toMatch(code === 0 ? /^ok {3}format \(\d+\.\d s\)$/ : /^FAIL format/);
  expect(lines.at(-1)).toBe(code === 0 ? "0 passed, 0 failed, 0 skipped" : "0 passed, 1 failed, 0 skipped");
  expect(readFileSync(summary, "utf8")).toBe(`${lines.at(-1)}\n`);
  rmSync(folder, { recursive: true });
});

test("refuses a step that is not there", async () => {
  expect(await run("node", ["tools/verify.ts", "--only", "lint,speed"])).toEqual({
    code: 1,
    output:
      "There is no step speed: choose from install, format, lint, types, unused, programs, tests, api, package, audit.\n",
  });
});
