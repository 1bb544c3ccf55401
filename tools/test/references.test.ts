import { relative } from "node:path";

import { expect, test } from "vitest";

import { expectedConfigs, readConfig } from "../lib/references.ts";
import { root } from "../lib/workspace.ts";

const configs = [...expectedConfigs(root)].map(([path, expected]) => ({ path, name: relative(root, path), expected }));

test.each(configs)('$name names the packages it builds on ("pnpm references" writes it)', ({ path, expected }) => {
  expect(readConfig(path)).toEqual(expected);
});
