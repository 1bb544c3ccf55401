import { StoreError } from "@orbit/persistence/driver";

import { Environment, type EnvironmentRuntime } from "./environment.ts";
import { prepareDirectory } from "./files.ts";
import { loadLmdb } from "./lmdb.ts";
import type { BtreeOptions } from "./options.ts";

interface Shared {
  readonly opened: Promise<Environment>;
  users: number;
}

/** The environments of this thread by the real path of their directory, and those that are just being closed. */
const environments = new Map<string, Shared>();
const closing = new Map<string, Promise<void>>();

/** Opens a directory, or joins those of this thread that have it open. Each success needs one {@link leave}. */
export async function join(options: BtreeOptions, runtime: EnvironmentRuntime): Promise<Environment> {
  const openLmdb = await loadLmdb();
  const directory = await prepareDirectory(options.path);
  const { path } = directory;
  while (closing.has(path)) await closing.get(path);
  let shared = environments.get(path);
  if (shared === undefined) {
    shared = { opened: Environment.open(directory, options.mapSize, openLmdb, runtime), users: 0 };
    environments.set(path, shared);
  }
  shared.users += 1;
  try {
    const environment = await shared.opened;
    if (environment.mapSize !== options.mapSize) {
      const reason = `map_size: expected ${environment.mapSize}, as in the store that has ${path} open in this process`;
      throw new StoreError("INVALID_ARGUMENT", `${reason}, found ${options.mapSize}`);
    }
    return environment;
  } catch (error) {
    await drop(path, shared);
    throw error;
  }
}

/** Waits for the writes submitted so far; the last one out closes the environment. */
export async function leave(environment: Environment): Promise<void> {
  const shared = environments.get(environment.path);
  if (shared === undefined) return;
  if (shared.users > 1) await environment.flush();
  await drop(environment.path, shared);
}

async function drop(path: string, shared: Shared): Promise<void> {
  shared.users -= 1;
  if (shared.users > 0) return;
  environments.delete(path);
  const closed = closeOpened(shared.opened);
  closing.set(path, closed);
  try {
    await closed;
  } finally {
    closing.delete(path);
  }
}

async function closeOpened(opened: Promise<Environment>): Promise<void> {
  let environment: Environment;
  try {
    environment = await opened;
  } catch {
    // It never opened; whoever asked for it has the error.
    return;
  }
  await environment.close();
}
