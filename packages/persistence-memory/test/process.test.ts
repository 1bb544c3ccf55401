import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as wait } from "node:timers/promises";

import { afterEach, beforeEach, expect, test } from "vitest";

import { memory } from "../src/index.ts";
import { bytes, contentOf, textOf } from "./helpers.ts";

let folder: string;
let path: string;
const children = new Set<ChildProcess>();

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "orbit-memory-"));
  path = join(folder, "backup");
});

afterEach(async () => {
  await Promise.all([...children].map(kill));
  rmSync(folder, { recursive: true });
});

interface Child {
  readonly process: ChildProcess;
  readonly lines: string[];
}

/** Starts a process over the same backup, and waits for its first line. */
async function start(job: string): Promise<Child> {
  const child = spawn(process.execPath, [join(import.meta.dirname, "child.ts"), path, job], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.add(child);
  const lines: string[] = [];
  const reader = createInterface({ input: child.stdout });
  reader.on("line", (line) => lines.push(line));
  await once(reader, "line");
  return { process: child, lines };
}

async function kill(child: ChildProcess): Promise<void> {
  children.delete(child);
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "close");
  child.kill("SIGKILL");
  await gone;
}

test("a process killed with -9 leaves a backup that restores whole, and its lock stands in nobody's way", async () => {
  let last = -1;
  for (let round = 0; round < 4; round += 1) {
    const child = await start("write");
    await wait(250 + round * 37);
    await kill(child.process);
    const driver = memory({ diskBackup: { path } });
    await driver.open();
    const [a, b] = [await driver.get("a"), await driver.get("b")];
    expect(a).toBeDefined();
    expect(textOf(a)).toBe(textOf(b));
    last = Math.max(last, Number(textOf(a)));
    await driver.put("a", bytes("-1"), "always");
    await driver.close();
  }
  expect(last).toBeGreaterThan(0);
}, 60_000);

test("fences rise over kill -9: none is ever given out twice", async () => {
  let highest = 0n;
  for (let round = 0; round < 3; round += 1) {
    const child = await start("fences");
    while (child.lines.length < 500) await wait(5);
    await kill(child.process);
    const fences = child.lines.slice(1, -1).map(BigInt);
    expect(fences[0]).toBeGreaterThan(highest);
    highest = fences.at(-1) ?? 0n;
  }
  const driver = memory({ diskBackup: { path } });
  await driver.open();
  expect(await driver.nextFence?.(0n)).toBeGreaterThan(highest);
  await driver.close();
}, 60_000);

test("a second process over the same path is refused with the pid of the first", async () => {
  const first = await start("hold");
  const second = await start("hold");
  expect(second.lines[0]).toContain("[CONFLICT]");
  expect(second.lines[0]).toContain(`process ${first.process.pid}, which is running`);
  await expect(memory({ diskBackup: { path } }).open()).rejects.toMatchObject({ code: "CONFLICT" });
  await kill(first.process);
  const third = await start("hold");
  expect(third.lines[0]).toBe(`open ${third.process.pid}`);
}, 60_000);

test("two stores of one process over the same path: the second is refused", async () => {
  const first = memory({ diskBackup: { path } });
  await first.open();
  await expect(memory({ diskBackup: { path } }).open()).rejects.toThrow(/another store of this process/);
  await first.close();
});

test("only this user may read what is written", async () => {
  const driver = memory({ diskBackup: { path } });
  await driver.open();
  await driver.nextFence?.(0n);
  await driver.put("k", bytes("secret"), "absent");
  await driver.close();
  expect(statSync(path).mode & 0o077).toBe(0);
  expect(statSync(`${path}.fences`).mode & 0o077).toBe(0);
  expect(readFileSync(path).includes("secret")).toBe(true);
});

test("a path that can't hold a backup is a typed error at open, and nothing is written", async () => {
  const open = (at: string): Promise<void> => memory({ diskBackup: { path: at } }).open();
  mkdirSync(path);
  await expect(open(path)).rejects.toMatchObject({
    code: "INVALID_CONFIG",
    message: expect.stringContaining("directory"),
  });
  await expect(open("/dev/null")).rejects.toMatchObject({
    code: "INVALID_CONFIG",
    message: expect.stringContaining("device"),
  });
  await expect(open(join(folder, "missing", "backup"))).rejects.toMatchObject({
    code: "INVALID_CONFIG",
    message: expect.stringContaining("create it"),
  });
  writeFileSync(join(folder, "file"), "");
  await expect(open(join(folder, "file", "backup"))).rejects.toMatchObject({ code: "INVALID_CONFIG" });
  await expect(open(join(folder, "n".repeat(300)))).rejects.toMatchObject({ code: "INVALID_CONFIG" });
  writeFileSync(join(folder, "other"), "something else");
  await expect(open(join(folder, "other"))).rejects.toMatchObject({ code: "CORRUPT" });
  expect(readFileSync(join(folder, "other"), "utf8")).toBe("something else");
});

test("thousands of entries come back from a real disk", async () => {
  const driver = memory({ diskBackup: { path, compression: "Gzip" } });
  await driver.open();
  for (let at = 0; at < 3000; at += 1) await driver.put(`k${at}`, bytes(`v${at}`), "absent");
  await driver.close();
  const again = memory({ diskBackup: { path } });
  await again.open();
  expect(Object.keys(await contentOf(again))).toHaveLength(3000);
  await again.close();
});

test("a lease costs at most 300 bytes beyond its key and value", async () => {
  const child = spawn(process.execPath, ["--expose-gc", join(import.meta.dirname, "footprint.ts"), "200000"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines: string[] = [];
  createInterface({ input: child.stdout }).on("line", (line) => lines.push(line));
  await once(child, "close");
  expect(Number(lines[0])).toBeGreaterThan(0);
  expect(Number(lines[0])).toBeLessThanOrEqual(300);
}, 60_000);
