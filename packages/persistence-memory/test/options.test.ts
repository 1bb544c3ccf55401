import { readFileSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "vitest";

import { memoryCapabilities } from "../src/capabilities.ts";
import { provider } from "../src/index.ts";

const root = join(import.meta.dirname, "..");
const readme = readFileSync(join(root, "README.md"), "utf8");

test("the options of seed 001 are read as written there", () => {
  const table = {
    max_entries: 100_000,
    memory_limit: "64MB",
    disk_backup: { path: "/data/orbit-backup.json", sync_interval: 300, compression: "Gzip" },
  };
  expect(provider.options.parse(table, "file", "providers.memory.")).toEqual({
    ok: true,
    options: {
      maxEntries: 100_000,
      memoryLimit: 64_000_000,
      diskBackup: { path: "/data/orbit-backup.json", syncIntervalMs: 300_000, compression: "Gzip" },
    },
  });
  expect(
    provider.options.parse({ disk_backup_path: "/b", disk_backup_compression: "zstd" }, "env", "ORBIT_MEMORY_"),
  ).toEqual({
    ok: true,
    options: { maxEntries: 100_000, diskBackup: { path: "/b", syncIntervalMs: 300_000, compression: "Zstd" } },
  });
});

test("all faults are named at once", () => {
  const table = { max_entries: 0, memory_limit: "much", disk_backup: { compression: "Brotli" } };
  const parsed = provider.options.parse(table, "file", "providers.memory.");
  const paths = parsed.ok ? [] : parsed.faults.map((fault) => fault.path);
  expect(paths).toEqual([
    "providers.memory.max_entries",
    "providers.memory.memory_limit",
    "providers.memory.disk_backup.path",
    "providers.memory.disk_backup.compression",
  ]);
});

test("the provider makes a driver from its options, and starts nothing", () => {
  const driver = provider.create(provider.options.resolve({ diskBackup: { path: "/nowhere/backup" } }));
  expect(driver.capabilities).toEqual({ ...memoryCapabilities, durability: "async" });
});

/** The rows of every table in the README, their cells without padding. */
const rows = readme
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
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { orbit: object };
  const { types, schemes } = provider;
  expect(manifest.orbit).toEqual({ provider: { types, schemes, capabilities: memoryCapabilities } });
  const { limits, ...flags } = memoryCapabilities;
  const expected = [...Object.entries(flags), ...Object.entries(limits)].map(([name, value]) => [name, String(value)]);
  const start = rows.findIndex(([first]) => first === "capability");
  const told = rows.slice(start + 2, start + 2 + expected.length).map((cells) => cells.slice(0, 2).map(unquoted));
  expect(told).toEqual(expected);
});

function unquoted(cell: string): string {
  return cell.replaceAll("`", "");
}
