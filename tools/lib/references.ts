import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { packages, readJson } from "./workspace.ts";

interface Config {
  readonly references?: readonly { readonly path: string }[];
}

/** Gives the configuration that each tsconfig.json with project references should hold, by its path. */
export function expectedConfigs(root: string): ReadonlyMap<string, Config> {
  const all = packages(root);
  const folders = new Map(all.map(({ folder, manifest }) => [manifest.name, folder]));
  const configs = new Map<string, Config>();
  for (const { path, manifest } of all) {
    const used = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies })
      .map((name) => folders.get(name))
      .filter((folder) => folder !== undefined);
    configs.set(join(path, "tsconfig.json"), {
      ...readConfig(join(path, "tsconfig.json")),
      references: used.sort().map((folder) => ({ path: `../${folder}` })),
    });
  }
  configs.set(join(root, "tsconfig.json"), {
    ...readConfig(join(root, "tsconfig.json")),
    references: [...all.map(({ folder }) => ({ path: `packages/${folder}` })), { path: "tsconfig.test.json" }],
  });
  return configs;
}

/** Reads a tsconfig.json, or what a package starts with where there is none yet. */
export function readConfig(path: string): Config {
  return existsSync(path) ? readJson<Config>(path) : ({ extends: "../../tsconfig.base.json" } as Config);
}

/** Brings every tsconfig.json under `root` up to date. */
export function writeReferences(root: string): void {
  for (const [path, config] of expectedConfigs(root)) {
    // Spread over lines, so that two people who add a package each don't meet in one line.
    writeFileSync(path, `${JSON.stringify(config, undefined, 2)}\n`);
  }
}
