/** Where a region is, as the store has it; bounds are as PD has them, in hexadecimal digits. */
export interface Region {
  readonly id: number;
  readonly start: string;
  readonly end: string;
  readonly version: number;
  readonly confVer: number;
  readonly term: number;
  readonly leader: Peer;
  readonly peers: readonly Peer[];
}

export interface Peer {
  readonly id: number;
  readonly store: number;
}

/** One field of `errorpb.Error`, such as `{notLeader: {}}`, in protobuf's JSON form. */
export type RegionError = Readonly<Record<string, unknown>>;

/** `kvrpcpb.KeyError` in protobuf's JSON form; bytes are in base64. */
export type KeyError = Readonly<Record<string, unknown>>;

/**
 * Which calls fail. What is left out matches every call. A fault with a count meets only calls that came to the right
 * store and region; one without an end meets the others too.
 */
export interface Scope {
  /** A method of the service, such as `KvPrewrite`; a batched command counts as its method. */
  readonly command?: string;
  /** The id of a store. */
  readonly store?: number;
  readonly region?: number;
  /** Calls with a key at or after this one, as the client sends it. */
  readonly start?: Uint8Array;
  /** Calls with a key before this one. */
  readonly end?: Uint8Array;
  /** How many calls pass first. Default: 0. */
  readonly skip?: number;
  /** How many calls fail; -1: all until the faults are cleared. Default: 1. */
  readonly count?: number;
}

/** How they fail. `applied` means that the work was done before. */
export type Failure =
  | { readonly kind: "regionError"; readonly regionError: RegionError }
  /** An error of the whole answer, as TiKV gives for a lock in memory. `command` must be named. */
  | { readonly kind: "keyError"; readonly keyError: KeyError }
  /** A gRPC status by its name, such as `Unavailable`. In a batched stream it ends the stream. */
  | { readonly kind: "status"; readonly code: string; readonly applied?: boolean }
  /** No answer, ever. */
  | { readonly kind: "drop"; readonly applied?: boolean }
  | { readonly kind: "late"; readonly delayMs: number };

/** A fault that was asked for; `count` is what it has left. */
export interface Fault {
  readonly id: number;
  readonly kind: Failure["kind"];
  readonly count: number;
  readonly hits: number;
}

/** Steers the TiKV store of the tests. Every change returns when PD has learned it. */
export class TikvControl {
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  async stores(): Promise<readonly { readonly id: number; readonly address: string }[]> {
    return this.#call("GET", "stores");
  }

  /** Lists the regions in the order of their bounds. */
  async regions(): Promise<readonly Region[]> {
    return this.#call("GET", "regions");
  }

  /** Splits the region that holds a key at that key. `raw`: the key is one of raw KV under API V1. */
  async split(key: Uint8Array, { raw = false }: { readonly raw?: boolean } = {}): Promise<readonly Region[]> {
    return this.#call("POST", "split", { key: hex(key), raw });
  }

  /** Merges a region with the one on its right, whose id is gone. */
  async merge(region: number): Promise<Region> {
    return this.#call("POST", "merge", { region });
  }

  /** Makes a store the leader of a region. */
  async transfer(region: number, store: number): Promise<Region> {
    return this.#call("POST", "transfer", { region, store });
  }

  /** Breaks the connections of a store and refuses new ones; its regions get another leader. */
  async down(store: number): Promise<void> {
    await this.#call("POST", "down", { store });
  }

  /** Lets a store that is down be reached again. It leads nothing yet. */
  async up(store: number): Promise<void> {
    await this.#call("POST", "up", { store });
  }

  /** Adds a fault and gives its id. The oldest that matches a call and has some count left is used. */
  async fail(failure: Failure, { start, end, count = 1, ...scope }: Scope = {}): Promise<number> {
    const range = { ...(start && { start: hex(start) }), ...(end && { end: hex(end) }) };
    const { id } = await this.#call<{ readonly id: number }>("POST", "faults", {
      ...failure,
      ...scope,
      ...range,
      count,
    });
    return id;
  }

  async faults(): Promise<readonly Fault[]> {
    return this.#call("GET", "faults");
  }

  /** Tells how many calls a fault has met. */
  async hits(id: number): Promise<number> {
    const fault = (await this.faults()).find((each) => each.id === id);
    if (fault === undefined) throw new Error(`fault ${id} was cleared`);
    return fault.hits;
  }

  async clearFaults(): Promise<void> {
    await this.#call("DELETE", "faults");
  }

  async #call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const request = body === undefined ? { method } : { method, body: JSON.stringify(body) };
    const response = await fetch(`${this.#url}/${path}`, request);
    const answer = (await response.json()) as T & { readonly error?: string };
    if (!response.ok) throw new Error(`${method} ${path}: ${answer.error}`);
    return answer;
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
