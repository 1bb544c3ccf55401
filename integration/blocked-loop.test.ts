import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { expect, test } from "vitest";

test("a process that blocked its event loop for two ttls writes nothing, and its stall is reported", async () => {
  const path = mkdtempSync(join(tmpdir(), "blocked-"));
  try {
    const child = join(import.meta.dirname, "lib/blocked-child.ts");
    const { stdout } = await promisify(execFile)(process.execPath, [child, path]);
    const facts = Object.assign(
      {},
      ...stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as object),
    ) as object;
    expect(facts).toEqual({
      write: "LEASE_LOST",
      stall: "blocked",
      late: true,
      takenOver: true,
      higher: true,
      state: "before",
    });
  } finally {
    rmSync(path, { recursive: true });
  }
});
