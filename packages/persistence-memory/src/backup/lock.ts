import { type Random, randomHex, StoreError } from "@orbit/persistence/driver";

import { codeOf, toStoreError } from "../errors.ts";
import { type Files, readSmall, writeAll, writeFile } from "./files.ts";
import type { Host } from "./host.ts";

const MAX_ATTEMPTS = 5;

/**
 * A lock file that names its holder. It comes into being whole, by a link, so that nobody reads half of one. A lock
 * whose process is gone is taken over; as two may try that at once, the holder asks {@link check} before it relies on it.
 */
export class Lock {
  readonly #files: Files;
  readonly #path: string;
  readonly #text: string;

  private constructor(files: Files, path: string, text: string) {
    this.#files = files;
    this.#path = path;
    this.#text = text;
  }

  /** Takes the lock. Throws `CONFLICT` naming the holder's pid where another process holds it. */
  static async take(files: Files, path: string, host: Host, random: Random): Promise<Lock> {
    const token = randomHex(random, 16);
    const start = (await host.startOf(host.pid)) ?? "unknown";
    const text = `orbit lock 1\npid ${host.pid}\nstart ${start}\nhost ${host.name}\ntoken ${token}\n`;
    const lock = new Lock(files, path, text);
    const own = `${path}.${token}`;
    try {
      await writeFile(files, own, (file) => writeAll(file, Buffer.from(text)));
    } catch (error) {
      throw toStoreError(error, `making the lock ${path}`);
    }
    try {
      for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
        if (await linked(files, own, path)) return lock;
        await lock.#clear(host, `${own}.stale`);
      }
    } finally {
      await files.unlink(own);
    }
    throw new StoreError("CONFLICT", `${path}: other processes take this lock at the same time: try again`);
  }

  /** Throws `CONFLICT` where the lock is not ours any more. */
  async check(): Promise<void> {
    const text = await readLock(this.#files, this.#path);
    if (text === this.#text) return;
    const reason = `${this.#path} is no longer ours: it was deleted or taken over. Nothing more is written beside it`;
    throw new StoreError("CONFLICT", reason, { retryable: false });
  }

  /** Gives the lock back; leaves a lock alone that another holds. */
  async release(): Promise<void> {
    if ((await readLock(this.#files, this.#path)) === this.#text) await this.#files.unlink(this.#path);
  }

  /** Removes the lock that stands in the way, if its process is gone. */
  async #clear(host: Host, aside: string): Promise<void> {
    const found = await readLock(this.#files, this.#path);
    if (found === undefined) return;
    await refuseLive(found, this.#path, host);
    try {
      await this.#files.rename(this.#path, aside);
    } catch (error) {
      if (codeOf(error) === "ENOENT") return;
      throw toStoreError(error, `taking over ${this.#path}`);
    }
    // Another may have been quicker, and this is its new lock. It goes back; should a third have come, `check` tells.
    if ((await readLock(this.#files, aside)) !== found) await linked(this.#files, aside, this.#path);
    await this.#files.unlink(aside);
  }
}

async function refuseLive(text: string, path: string, host: Host): Promise<void> {
  const found = /^orbit lock 1\npid (\d+)\nstart (.+)\nhost (.*)\ntoken [0-9a-f]+\n$/.exec(text);
  // A power failure can leave an empty or torn file. A live process leaves none.
  if (found === null) return;
  const [, pid = "", start = "", name = ""] = found;
  if (name !== host.name) {
    const mend = `if that process is gone, delete the file`;
    throw held(`${path} is held by process ${pid} on host ${name}, which can't be checked from here: ${mend}`);
  }
  const running = await host.startOf(Number(pid));
  if (running === undefined || (running !== "unknown" && start !== "unknown" && running !== start)) return;
  if (Number(pid) === host.pid) throw held(`${path} is held by another store of this process (${pid}): close it first`);
  throw held(`${path} is held by process ${pid}, which is running: stop it, or choose another path for this store`);
}

function held(reason: string): StoreError {
  return new StoreError("CONFLICT", reason, { retryable: false });
}

async function linked(files: Files, from: string, to: string): Promise<boolean> {
  try {
    await files.link(from, to);
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw toStoreError(error, `making the lock ${to}`);
  }
}

async function readLock(files: Files, path: string): Promise<string | undefined> {
  try {
    return (await readSmall(files, path)).toString();
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw toStoreError(error, `reading the lock ${path}`);
  }
}
