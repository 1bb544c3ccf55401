import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { StoreDriver } from "@orbit/persistence/driver";
import { onTestFinished } from "vitest";

import { btree, type BtreeRuntime } from "../../src/index.ts";
import { type Child, startChild } from "./child.ts";

/** Makes a directory that is gone after the test. */
export function tempDirectory(): string {
  const path = mkdtempSync(join(tmpdir(), "orbit-btree-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** Opens a driver that is closed after the test, before its directory goes. */
export async function openBtree(path: string, mapSize?: number, runtime?: BtreeRuntime): Promise<StoreDriver> {
  const driver = btree({ path, ...(mapSize === undefined ? {} : { mapSize }) }, runtime);
  onTestFinished(() => driver.close());
  await driver.open();
  return driver;
}

/** Starts a script of this folder in a process of its own, which is gone after the test. */
export function childOfTest(...args: Parameters<typeof startChild>): Child {
  const child = startChild(...args);
  onTestFinished(() => void child.process.kill("SIGKILL"));
  return child;
}

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function text(value: Uint8Array | undefined): string | undefined {
  return value === undefined ? undefined : new TextDecoder().decode(value);
}
