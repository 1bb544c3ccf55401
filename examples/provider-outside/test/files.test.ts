import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { createStore, loadConfig, openRegistry } from "@orbit/persistence";
import { afterEach, beforeEach, expect, test } from "vitest";

import { files, provider } from "../src/index.ts";

const root = join(import.meta.dirname, "..");
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "acme-orbit-files-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

test("what a killed process was told to be written is there, whole, and its directory is free", async () => {
  const child = spawn(process.execPath, [join(root, "test", "holder.ts"), folder], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const acknowledged = [String((await lines.next()).value)];
  await expect(files({ path: folder }).open()).rejects.toMatchObject({
    code: "CONFLICT",
    message: expect.stringContaining(`open in process ${child.pid}`),
  });
  for await (const line of { [Symbol.asyncIterator]: () => lines }) {
    acknowledged.push(line);
    if (acknowledged.length === 20) child.kill("SIGKILL");
  }
  expect(acknowledged.length).toBeGreaterThanOrEqual(20);
  if (child.signalCode === null) await once(child, "exit");

  const driver = files({ path: folder });
  await driver.open();
  const found = (await Array.fromAsync(driver.scan({ prefix: "" }))).flat();
  expect(found.map(({ key }) => key)).toEqual(expect.arrayContaining(acknowledged));
  expect(found.length - acknowledged.length).toBeLessThanOrEqual(1);
  expect(found.every(({ value }) => value.length === 4096)).toBe(true);
  await driver.close();
  expect(readdirSync(join(folder, "drafts"))).toEqual([]);
  expect(readdirSync(folder).filter((name) => name.startsWith("lock"))).toEqual([]);
});

test("a directory can be opened again while it is being closed", async () => {
  const first = files({ path: folder });
  await first.open();
  const writing = first.put("a", Buffer.from("one"), "absent");
  const closing = first.close();
  const second = files({ path: folder });
  await second.open();
  await Promise.all([writing, closing]);
  expect(Buffer.from((await second.get("a"))?.value ?? []).toString()).toBe("one");
  await second.close();
});

test("of processes that find a dead one's lock, one takes it", async () => {
  writeFileSync(join(folder, "lock-7"), "999999999 1 nowhere");
  await expect(files({ path: folder }).open()).rejects.toThrow(/on host nowhere: if that process is gone, delete/);
  writeFileSync(join(folder, "lock-7"), `999999999 1 ${hostname()}`);
  const driver = files({ path: folder });
  await driver.open();
  expect(readdirSync(folder).filter((name) => name.startsWith("lock"))).toEqual(["lock-8"]);
  await driver.close();
});

test("a damaged file is CORRUPT, and can be replaced but not trusted", async () => {
  const driver = files({ path: folder });
  await driver.open();
  await driver.put("a", Buffer.from("some value"), "absent");
  truncateSync(join(folder, "records", "a"), 25);
  await expect(driver.get("a")).rejects.toMatchObject({ code: "CORRUPT" });
  await expect(driver.put("a", Buffer.from("b"), "absent")).rejects.toMatchObject({ code: "CORRUPT" });
  expect(await driver.put("a", Buffer.from("b"), "always")).toMatchObject({ ok: true });
  expect(Buffer.from((await driver.get("a"))?.value ?? []).toString()).toBe("b");
  await driver.close();
});

test.each([
  ["a path below a file", "taken/below", "INVALID_ARGUMENT"],
  ["a file", "taken", "INVALID_ARGUMENT"],
])("%s is refused", async (_, path, code) => {
  writeFileSync(join(folder, "taken"), "");
  await expect(createStore(files({ path: join(folder, path) }))).rejects.toMatchObject({ code, provider: "files" });
});

test("package.json tells what the code promises", () => {
  const manifest: unknown = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const { types, schemes } = provider;
  const { capabilities } = files({ path: folder });
  expect(manifest).toMatchObject({ orbit: { provider: { types, schemes, capabilities } } });
});

test("an application finds it by type and by URL among its own dependencies", async () => {
  const application = join(folder, "application");
  mkdirSync(join(application, "node_modules"), { recursive: true });
  symlinkSync(root, join(application, "node_modules", "acme-orbit-files"), "dir");
  const manifest = { name: "application", dependencies: { "acme-orbit-files": "^0.1.0" } };
  writeFileSync(join(application, "package.json"), JSON.stringify(manifest));
  const path = join(folder, "data");

  const toml = `[providers.local]\ntype = "Files"\npath = ${JSON.stringify(path)}\n`;
  await using registry = await openRegistry({ toml }, { from: application });
  const nodes = await registry.membership();
  await using node = await nodes.join({ id: "node-1" });
  expect(readdirSync(join(path, "records")).length).toBeGreaterThan(0);
  expect(node.isLive()).toBe(true);

  const byUrl = await loadConfig({ url: `files://${path}` }, { from: application });
  expect(byUrl.providers).toMatchObject([{ provider: { name: "files" }, options: { path } }]);
});
