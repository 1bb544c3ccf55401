import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, expect, test } from "vitest";

import { run } from "../lib/run.ts";
import { root } from "../lib/workspace.ts";

/** A clone that holds nothing but the bootstrap, a program to start, and an npx that is a script of the test. */
let home: string;
const at = (...path: string[]): string => join(home, ...path);
const env = (): { PATH: string } => ({ PATH: at("bin") });
const start = (...args: string[]) =>
  run(process.execPath, ["tools/bootstrap.mjs", "start", ...args], { cwd: home, env: env() });

/** Writes down each installation, and does as much of one as the bootstrap looks for. */
const INSTALL = `
  fs.appendFileSync("calls", process.argv.slice(2).join(" ") + "\\n");
  fs.mkdirSync("node_modules/node/bin", { recursive: true });
  if (!fs.existsSync("node_modules/node/bin/node")) fs.symlinkSync(process.execPath, "node_modules/node/bin/node");
`;

function npx(script: string): void {
  const text = `#!${process.execPath}\nconst fs = require("fs");\nif (process.argv[2] === "--version") process.exit(0);\n`;
  writeFileSync(at("bin", "npx"), text + script, { mode: 0o755 });
}

function program(text: string): void {
  writeFileSync(at("packages", "cli", "src", "main.ts"), text);
}

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "orbit-bootstrap-"));
  for (const folder of ["tools", "bin", "packages/cli/src"]) mkdirSync(at(folder), { recursive: true });
  cpSync(join(root, "tools", "bootstrap.mjs"), at("tools", "bootstrap.mjs"));
  for (const file of ["pnpm-lock.yaml", "pnpm-workspace.yaml"]) writeFileSync(at(file), "");
  writeFileSync(at("package.json"), JSON.stringify({ packageManager: "pnpm@1.2.3" }));
  npx(INSTALL);
  program("");
});
afterEach(() => rmSync(home, { recursive: true }));

test("installs once, and again when the lock file changes", async () => {
  const call = "--yes pnpm@1.2.3 install --frozen-lockfile\n";
  await start();
  await start();
  expect(readFileSync(at("calls"), "utf8")).toBe(call);
  writeFileSync(at("pnpm-lock.yaml"), "changed");
  await start();
  expect(readFileSync(at("calls"), "utf8")).toBe(call + call);
});

test("passes arguments and the exit code on", async () => {
  program("process.stdout.write(JSON.stringify(process.argv.slice(2))); process.exitCode = 7;");
  await start();
  expect(await start("--port", "a b")).toEqual({ code: 7, output: '["serve","--port","a b"]' });
});

test.each(["SIGINT", "SIGTERM"] as const)("passes %s on, once where it comes twice", async (signal) => {
  program(`
    let seen = 0;
    process.on("${signal}", () => {
      seen += 1;
      process.stdout.write("seen");
      setTimeout(() => process.exit(40 + seen), 300);
    });
    process.stdout.write("ready");
    setInterval(() => undefined, 1000);
  `);
  const child = spawn(process.execPath, ["tools/bootstrap.mjs", "start"], { cwd: home, env: env() });
  await once(child.stdout, "data");
  child.kill(signal);
  await once(child.stdout, "data");
  child.kill(signal);
  expect(await once(child, "exit")).toEqual([41, null]);
});

test("says in one sentence that npx is missing", async () => {
  rmSync(at("bin", "npx"));
  const output = 'npx is missing: install npm, as with "apt-get install npm" or "brew install node".\n';
  expect(await start()).toEqual({ code: 1, output });
});

test("says in one sentence that the registry can't be reached, and tries again next time", async () => {
  npx(`${INSTALL} process.stdout.write("getaddrinfo ENOTFOUND registry\\n"); process.exit(1);`);
  const { code, output } = await start();
  expect(code).toBe(1);
  expect(output.trimEnd().split("\n").at(-1)).toMatch(/^The package registry can't be reached: .*"npm ping" passes\.$/);
  expect(existsSync(at("node_modules", ".cache"))).toBe(false);
});

test("says in one sentence that the program is missing", async () => {
  rmSync(at("packages"), { recursive: true });
  await start();
  expect(await start()).toEqual({
    code: 1,
    output: 'packages/cli/src/main.ts is missing: run "git checkout -- packages/cli/src/main.ts".\n',
  });
});
