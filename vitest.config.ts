import { existsSync, readdirSync } from "node:fs";

import { defineConfig } from "vitest/config";

// A folder without a package.json is what an abandoned branch left behind: nothing but ignored files.
const children = (folder: string): string[] =>
  (existsSync(folder) ? readdirSync(folder) : [])
    .map((name) => `${folder}/${name}`)
    .filter((path) => existsSync(`${path}/package.json`));

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
      test: { name: root.replace(/^(packages|examples)\//, ""), root, include: ["*.test.ts", "test/**/*.test.ts"] },
    })),
  },
});
