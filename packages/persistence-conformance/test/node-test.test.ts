import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

import { expect, test } from "vitest";

import { conformance } from "../src/index.ts";

test("the kit runs under node:test", async () => {
  const fixture = join(import.meta.dirname, "fixtures", "node-test.ts");
  // Under its own runner node would hand the results to a parent that is not there.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const args = ["--test", "--test-reporter=tap", fixture];
  const { stdout } = await promisify(execFile)(process.execPath, args, { env, maxBuffer: 1 << 24 });
  const laws = conformance({ name: "map", open: () => Promise.reject(new Error("not opened")) });
  expect(stdout).toMatch(new RegExp(`^# tests ${laws.length}$`, "m"));
  expect(stdout).toMatch(/^# fail 0$/m);
  expect(stdout).toContain("B Compare and set");
});
