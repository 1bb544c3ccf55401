import { expect, test } from "vitest";

import { importsOf, quickstartOf } from "../lib/readme.ts";

const readme = [
  "# @orbit/a",
  "",
  "```sh",
  "npm install --save-dev @orbit/a other",
  "```",
  "",
  "```ts",
  'import { a } from "@orbit/a";',
  "",
  "a();",
  "```",
  "",
  "```ts",
  "later();",
  "```",
  "",
].join("\n");

test("a README's install line and first block are read", () => {
  expect(quickstartOf(readme, "@orbit/a")).toEqual({
    installs: ["@orbit/a", "other"],
    code: 'import { a } from "@orbit/a";\n\na();\n',
  });
});

test("a README without an install line, or with nothing to run, is refused", () => {
  expect(() => quickstartOf(readme.replace("npm install", "get"), "@orbit/a")).toThrow(
    /no line "npm install @orbit\/a"/,
  );
  expect(() => quickstartOf(readme.replaceAll("```ts", "```js"), "@orbit/a")).toThrow(/no block of TypeScript/);
});

test("imports are told by package, once, without those of Node", () => {
  const code = `import "side-effect";
import {
  a,
  b,
} from "@orbit/a/driver";
import type { C } from "@orbit/a";
import { readFile } from "node:fs/promises";
import d from "deep/er/path";
`;
  expect(importsOf(code)).toEqual(["side-effect", "@orbit/a", "deep"]);
});
