import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { createStore, directory, guarded, membership, stringKey } from "@orbit/persistence";
import { btree } from "@orbit/persistence-btree";
import { expect, test } from "vitest";

import { quickstartOf } from "../../../tools/lib/readme.ts";

const example = join(import.meta.dirname, "..");

test("the lines in the README of the project are this program", () => {
  const readme = readFileSync(join(example, "..", "..", "README.md"), "utf8");
  expect(quickstartOf(readme, "the project").code).toBe(readFileSync(join(example, "main.ts"), "utf8"));
});

test("it runs, twice over the same data, and leaves what it wrote", async () => {
  const folder = mkdtempSync(join(tmpdir(), "orbit-quickstart-"));
  try {
    for (let time = 0; time < 2; time += 1) {
      execFileSync(process.execPath, [join(example, "main.ts")], { cwd: folder, encoding: "utf8" });
    }
    await using store = await createStore(btree({ path: join(folder, "data") }));
    const nodes = membership(store);
    expect(await nodes.nodes({ active: true })).toEqual([]);
    await using node = await nodes.join({ id: "reader" });
    const acquired = await directory(store, { membership: nodes }).acquire(
      { type: "Account", key: stringKey("alice") },
      node,
    );
    expect(acquired).toMatchObject({ ok: true, lease: { fence: 3n } });
    const balance = acquired.ok ? await guarded(store, acquired.lease).get("balance") : undefined;
    expect(Buffer.from(balance ?? []).toString()).toBe("100");
  } finally {
    rmSync(folder, { recursive: true });
  }
});
