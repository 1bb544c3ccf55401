import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, expect, test } from "vitest";

import { makeProvider, objection, spell } from "../lib/provider.ts";
import { must, run } from "../lib/run.ts";
import { root } from "../lib/workspace.ts";

/** A workspace with nothing in it but what a new provider touches. */
let home: string;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "orbit-new-"));
  for (const folder of ["packages", ".changeset"]) mkdirSync(join(home, folder));
  for (const kind of ["", "base.", "test."])
    cpSync(join(root, `tsconfig.${kind}json`), join(home, `tsconfig.${kind}json`));
  for (const file of ["providers.ts", "package.json"]) {
    cpSync(join(root, "integration", file), join(home, "integration", file));
  }
  symlinkSync(join(root, "node_modules"), join(home, "node_modules"));
});
afterEach(() => rmSync(home, { recursive: true }));

test("spells the name in its three forms", () => {
  expect(spell("exampleDb ExampleDb example-db", "my-2nd-store")).toBe("my2ndStore My2ndStore my-2nd-store");
});

test.each(["", "Redis", "2fast", "a--b", "a-", "../up", "x".repeat(41)])("refuses the name %j", (name) => {
  expect(objection(home, name)).toMatch(/^"[^\n]*" can't name a provider: [^\n]*\.$/);
});

test("refuses a folder that exists", () => {
  mkdirSync(join(home, "packages", "persistence-acme"));
  expect(objection(home, "acme")).toBe("packages/persistence-acme exists already: choose another name or remove it.");
});

test("leaves nothing behind when it can't finish", () => {
  rmSync(join(home, "integration", "providers.ts"));
  expect(() => makeProvider(home, "acme")).toThrow("providers.ts");
  expect(readdirSync(join(home, "packages"))).toEqual([]);
  expect(readdirSync(join(home, ".changeset"))).toEqual([]);
});

test("makes a provider that passes its own tests", { timeout: 120_000 }, async () => {
  expect(objection(home, "acme-kv")).toBeUndefined();
  const written = makeProvider(home, "acme-kv");
  expect(written).toContain("packages/persistence-acme-kv/src/driver.ts");
  expect(readFileSync(join(home, "integration", "providers.ts"), "utf8")).toContain(
    'export { provider as acmeKv } from "@orbit/persistence-acme-kv";\n',
  );
  expect(readFileSync(join(home, "tsconfig.json"), "utf8")).toContain("packages/persistence-acme-kv");
  expect(readFileSync(join(home, ".changeset", "provider-acme-kv.md"), "utf8")).toContain("persistence-acme-kv");

  const folder = join(home, "packages", "persistence-acme-kv");
  expect((await run("grep", ["-riE", "example-?db", folder])).output).toBe("");
  mkdirSync(join(folder, "node_modules", "@orbit"), { recursive: true });
  for (const name of ["persistence", "persistence-conformance"]) {
    symlinkSync(join(root, "packages", name), join(folder, "node_modules", "@orbit", name));
  }
  await must("vitest", ["run", "--root", folder]);
});

test("says what to type when the arguments are wrong", async () => {
  expect(await run("node", ["tools/new.ts", "layer"])).toEqual({
    code: 1,
    output: "Say what to make: pnpm new provider NAME.\n",
  });
});
