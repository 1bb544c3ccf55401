import { readFileSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "vitest";

import { btree, provider } from "../src/index.ts";

const root = join(import.meta.dirname, "..");
const defaults = { path: "/data", mapSize: 16 * 2 ** 30 };

test("options come from code, files, variables and URLs alike", () => {
  expect(provider.options.resolve({ path: "/data" })).toEqual(defaults);
  const table = { path: "/data", map_size: "64GiB" };
  const parsed = { ok: true, options: { path: "/data", mapSize: 64 * 2 ** 30 } };
  expect(provider.options.parse(table, "file", "providers.local.")).toEqual(parsed);
  expect(provider.options.parse(table, "env", "ORBIT_BTREE_")).toEqual(parsed);
  expect(provider.options.parse(table, "url", "")).toEqual(parsed);
});

test("all faults are named at once, in code with INVALID_ARGUMENT and before any file is touched", () => {
  const parsed = provider.options.parse({ map_size: 1, sync: false }, "file", "providers.local.");
  const paths = parsed.ok ? [] : parsed.faults.map((fault) => fault.path);
  expect(paths.sort()).toEqual(["providers.local.map_size", "providers.local.path", "providers.local.sync"]);
  for (const path of ["", "a\0b"]) {
    expect(() => btree({ path })).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
  }
});

test("the provider makes a driver from its options, and starts nothing", async () => {
  const driver = provider.create({ ...defaults, path: "/proc/nowhere" });
  expect(driver).toMatchObject({ name: "btree", contract: 1 });
  await driver.close();
});

/** The rows of every table in the README, their cells without padding. */
const rows = readFileSync(join(root, "README.md"), "utf8")
  .split("\n")
  .filter((line) => line.startsWith("|"))
  .map((line) =>
    line
      .slice(1, -1)
      .split("|")
      .map((cell) => cell.trim()),
  );

test("the option table of the README is that of the schema", () => {
  const expected = provider.options.fields.map(({ key, default: usual, required, expects, doc }) => {
    const value = usual === undefined ? "none" : `\`${usual}\``;
    return [`\`${key}\``, required ? "required" : value, `${doc} Expects ${expects}.`];
  });
  const start = rows.findIndex(([first]) => first === "key");
  expect(rows.slice(start + 2)).toEqual(expected);
});

test("the capability table of the README and the field in package.json are those of the driver", () => {
  const { capabilities } = provider.create(defaults);
  const manifest: unknown = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const { types, schemes } = provider;
  expect(manifest).toMatchObject({ orbit: { provider: { types, schemes, capabilities } } });
  const { limits, ...flags } = capabilities;
  const expected = [...Object.entries(flags), ...Object.entries(limits)].map(([name, value]) => [name, String(value)]);
  const start = rows.findIndex(([first]) => first === "capability");
  const told = rows
    .slice(start + 2, start + 2 + expected.length)
    .map((cells) => cells.slice(0, 2).map((cell) => cell.replaceAll("`", "")));
  expect(told).toEqual(expected);
});
