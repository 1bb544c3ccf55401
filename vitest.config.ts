import { readdirSync } from "node:fs";

import { defineConfig } from "vitest/config";

const children = (folder: string): string[] =>
  readdirSync(new URL(`${folder}/`, import.meta.url), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => `${folder}/${entry.name}`);

const workspaces = [...children("packages"), ...children("examples"), "integration", "bench", "tools"];

export default defineConfig({
  test: {
    // Native addons (lmdb) and tests that kill their own process want a process each, not a thread.
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 20_000,
    // Hooks start containers, and the first start of a machine builds their images.
    hookTimeout: 180_000,
    projects: workspaces.map((root) => ({
      extends: true,
      test: { name: root.replace(/^(packages|examples)\//, ""), root, include: ["test/**/*.test.ts"] },
    })),
  },
});
