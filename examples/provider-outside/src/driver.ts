import {
  type Capabilities,
  CONTRACT,
  type Delete,
  type DeleteWhen,
  type Entry,
  type Health,
  type Provider,
  type Put,
  type Range,
  StoreError,
  type StoreDriver,
  systemClock,
  type When,
} from "@orbit/persistence/driver";

import { toStoreError } from "./errors.ts";
import { Folder } from "./folder.ts";
import { type FilesOptions, filesOptions } from "./options.ts";
import { encodeRecord } from "./record.ts";

const PAGE = 256;

/**
 * What one process with a directory can promise. It has no clock that goes on over a restart, so that each observer
 * waits for a time to live itself. Repeated under "orbit" in package.json, for who does not run this code.
 */
const capabilities: Capabilities = Object.freeze({
  consistency: "linearizable",
  durability: "disk",
  scope: "process",
  clock: "observer",
  fencing: "total",
  commit: "none",
  partitions: 1,
  watch: "none",
  conditionalDelete: true,
  getMany: false,
  write: false,
  session: false,
  fences: false,
  limits: Object.freeze({
    maxKeyBytes: 255,
    maxValueBytes: 16 * 1024 * 1024,
    maxCommitOps: 0,
    ttlGranularityMs: 1,
    clockSkewMs: 0,
  }),
});

class FilesDriver implements StoreDriver {
  readonly name = "files";
  readonly contract: number = CONTRACT;
  readonly capabilities: Capabilities = capabilities;
  readonly #path: string;
  #entering: Promise<Folder> | undefined;
  #folder: Folder | undefined;
  #leaving: Promise<void> | undefined;

  constructor(options: FilesOptions) {
    this.#path = options.path;
  }

  async open(): Promise<void> {
    if (this.#leaving !== undefined) throw closed();
    this.#entering ??= Folder.enter(this.#path);
    try {
      this.#folder = await this.#entering;
    } catch (cause) {
      this.#entering = undefined;
      throw toStoreError(cause);
    }
  }

  get(key: string): Promise<Entry | undefined> {
    return this.#inTurn(key, (folder) => folder.read(key));
  }

  async put(key: string, value: Uint8Array, when: When): Promise<Put> {
    const { bytes, version } = encodeRecord(value);
    return this.#inTurn(key, async (folder) => {
      // A damaged record can be replaced, but no condition can hold on it.
      const current = when === "always" ? undefined : await folder.read(key);
      const wanted = typeof when === "object" ? when.version : undefined;
      if (when !== "always" && current?.version !== wanted) return { ok: false, current };
      await folder.write(key, bytes);
      return { ok: true, version };
    });
  }

  delete(key: string, when: DeleteWhen): Promise<Delete> {
    return this.#inTurn(key, async (folder) => {
      const current = when === "always" ? undefined : await folder.read(key);
      if (when !== "always" && current?.version !== when.version) return { ok: false, current };
      await folder.remove(key);
      return { ok: true };
    });
  }

  async *scan({ prefix, after = "", limit = Infinity }: Range): AsyncGenerator<readonly Entry[], void, undefined> {
    const keys = this.#live.keys().filter((key) => key.startsWith(prefix) && key > after);
    for (let start = 0, left = limit; start < keys.length && left > 0; start += PAGE) {
      const read = await Promise.all(keys.slice(start, start + PAGE).map((key) => this.get(key)));
      // What was removed meanwhile does not count.
      const page = read.filter((entry) => entry !== undefined).slice(0, left);
      left -= page.length;
      if (page.length > 0) yield page;
    }
  }

  async health(): Promise<Health> {
    const folder = this.#live;
    const start = systemClock.now();
    try {
      await folder.tryOut();
      return { status: "healthy", latencyMs: systemClock.now() - start };
    } catch (cause) {
      return { status: "unhealthy", cause: toStoreError(cause).message, latencyMs: systemClock.now() - start };
    }
  }

  close(): Promise<void> {
    this.#leaving ??= this.#leave();
    return this.#leaving;
  }

  get #live(): Folder {
    if (this.#folder === undefined || this.#leaving !== undefined) throw closed();
    return this.#folder;
  }

  async #inTurn<T>(key: string, work: (folder: Folder) => Promise<T>): Promise<T> {
    const folder = this.#live;
    try {
      return await folder.turn(key, () => work(folder));
    } catch (cause) {
      throw toStoreError(cause);
    }
  }

  async #leave(): Promise<void> {
    // An opening that fails has told its caller, and has left nothing open.
    const folder = await this.#entering?.catch(() => undefined);
    await folder?.leave();
  }
}

function closed(): StoreError {
  return new StoreError("CLOSED", "the store is not open");
}

/**
 * Keeps each record in a file of one directory, for one process. A write is acknowledged once it is on the disk.
 *
 * @throws StoreError `INVALID_ARGUMENT` naming every fault in the options.
 */
export function files(options: FilesOptions): StoreDriver {
  return new FilesDriver(filesOptions.resolve(options));
}

/** Makes the plugin known to configuration: `type = "Files"` and `files:///var/lib/acme`. */
export const provider: Provider<FilesOptions> = {
  name: "files",
  contract: CONTRACT,
  types: ["Files"],
  schemes: ["files"],
  options: filesOptions,
  create: (options) => new FilesDriver(options),
};
