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
  type StoreDriver,
  systemClock,
  type Version,
  type When,
} from "@orbit/persistence/driver";

import { toStoreError } from "./errors.ts";
import { type EtcdOptions, options } from "./options.ts";

interface Row {
  readonly value: Uint8Array;
  readonly version: Version;
  readonly writtenAtMs: number;
}

/** Stands in for the server, one for each address: put the real client in its place, and calls to it below. */
interface Server {
  readonly rows: Map<string, Row>;
  versions: number;
}

const servers = new Map<string, Server>();

const PAGE = 256;

/** What etcd promises. Told under "orbit" in package.json too, for who does not run this code. */
const capabilities: Capabilities = {
  consistency: "linearizable",
  durability: "none",
  scope: "process",
  clock: "server-age",
  fencing: "until-failover",
  commit: "none",
  partitions: 1,
  watch: "none",
  conditionalDelete: true,
  getMany: false,
  write: false,
  session: false,
  fences: false,
  limits: { maxKeyBytes: 1024, maxValueBytes: 1_048_576, maxCommitOps: 0, ttlGranularityMs: 1, clockSkewMs: 0 },
};

class EtcdDriver implements StoreDriver {
  readonly name = "etcd";
  readonly contract: number = CONTRACT;
  readonly capabilities: Capabilities = capabilities;
  readonly #address: string;
  #server: Server = { rows: new Map(), versions: 0 };

  constructor(given: EtcdOptions) {
    this.#address = given.address;
  }

  async open(): Promise<void> {
    this.#server = servers.get(this.#address) ?? this.#server;
    servers.set(this.#address, this.#server);
  }

  get(key: string): Promise<Entry | undefined> {
    return call(false, async () => this.#read(key));
  }

  put(key: string, value: Uint8Array, when: When): Promise<Put> {
    return call(true, async () => {
      if (!this.#holds(key, when)) return { ok: false, current: this.#read(key) };
      const version = String(++this.#server.versions) as Version;
      this.#server.rows.set(key, { value: value.slice(), version, writtenAtMs: systemClock.now() });
      return { ok: true, version };
    });
  }

  delete(key: string, when: DeleteWhen): Promise<Delete> {
    return call(true, async () => {
      if (!this.#holds(key, when)) return { ok: false, current: this.#read(key) };
      this.#server.rows.delete(key);
      return { ok: true };
    });
  }

  async *scan({ prefix, after = "", limit = Infinity }: Range): AsyncIterable<readonly Entry[]> {
    const keys = [...this.#server.rows.keys()].filter((key) => key.startsWith(prefix) && key > after).sort();
    const chosen = keys.slice(0, limit);
    for (let start = 0; start < chosen.length; start += PAGE) {
      const page = chosen.slice(start, start + PAGE).map((key) => this.#read(key));
      yield page.filter((entry) => entry !== undefined);
    }
  }

  async health(): Promise<Health> {
    return { status: "healthy", latencyMs: 0 };
  }

  async close(): Promise<void> {}

  #read(key: string): Entry | undefined {
    const row = this.#server.rows.get(key);
    if (row === undefined) return undefined;
    const { value, version, writtenAtMs } = row;
    return { key, value: value.slice(), version, ageMs: systemClock.now() - writtenAtMs };
  }

  #holds(key: string, when: When): boolean {
    const version = this.#server.rows.get(key)?.version;
    if (when === "always") return true;
    return version === (when === "absent" ? undefined : when.version);
  }
}

/** Runs one request. Whatever the client throws leaves as a StoreError. */
async function call<Result>(writes: boolean, request: () => Promise<Result>): Promise<Result> {
  try {
    return await request();
  } catch (cause) {
    throw toStoreError(cause, writes);
  }
}

/** Makes a driver for etcd. It connects when the store opens it. */
export function etcd(given: Partial<EtcdOptions> = {}): StoreDriver {
  return new EtcdDriver(options.resolve(given));
}

/** How configuration reaches this package. */
export const provider: Provider<EtcdOptions> = {
  name: "etcd",
  contract: CONTRACT,
  types: ["Etcd"],
  schemes: ["etcd"],
  options,
  create: (given) => new EtcdDriver(given),
};
