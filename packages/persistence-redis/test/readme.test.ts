import { execFile } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

import { expect, test } from "vitest";

import { hasRedis, startServer } from "./support/server.ts";

const root = join(import.meta.dirname, "..");

test.skipIf(!hasRedis)("the README's first lines run", async () => {
  await using server = await startServer();
  const [, code = ""] = /```ts\n([^]*?)```/.exec(readFileSync(join(root, "README.md"), "utf8")) ?? [];
  expect(code).toContain("redis://localhost:6379");
  const file = join(root, "test", `readme-${server.port}.ts`);
  writeFileSync(file, code.replace("redis://localhost:6379", server.url));
  try {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [file]);
    expect({ stdout, stderr }).toEqual({ stdout: "hello again\n", stderr: "" });
  } finally {
    rmSync(file);
  }
});
