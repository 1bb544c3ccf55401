import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect, test } from "vitest";

const root = join(import.meta.dirname, "..");

function files(folder: string): ReadonlyMap<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"));
  return new Map(names.sort().map((name) => [name, readFileSync(join(folder, name), "utf8")]));
}

test("the protocol files pass buf's lint and format, and the checked-in code is what they generate", () => {
  const out = mkdtempSync(join(tmpdir(), "orbit-proto-"));
  try {
    execFileSync(process.execPath, [join(root, "generate.ts"), out], { encoding: "utf8" });
    expect(files(join(out, "src", "gen"))).toEqual(files(join(root, "src", "gen")));
  } finally {
    rmSync(out, { recursive: true });
  }
});
