import { create, fromBinary, toBinary } from "@bufbuild/protobuf";

import { TikvError } from "../errors.ts";
import { GetMembersRequestSchema, type GetMembersResponse, GetMembersResponseSchema, PD } from "../gen/pdpb_pb.ts";
import { type Bounds, Connection, type ConnectionOptions } from "../grpc/connection.ts";

const PATH = `/${PD.typeName}/${PD.method.getMembers.name}`;
const MEMBERS_TIMEOUT_MS = 1_000;

/** Knows PD's members and which of them leads. */
export class Members {
  readonly #options: ConnectionOptions;
  readonly #seeds: readonly string[];
  readonly #connections = new Map<string, Connection>();
  #addresses: readonly string[];
  #leader: Connection | undefined;
  #clusterId = 0n;
  #looking: Promise<Connection> | undefined;
  #closed = false;

  constructor(seeds: readonly string[], options: ConnectionOptions) {
    this.#seeds = seeds;
    this.#addresses = seeds;
    this.#options = options;
  }

  /** 0 until a leader was found. */
  get clusterId(): bigint {
    return this.#clusterId;
  }

  /** Gives the connection to the leader, and finds one where none is known. Throws what the members said. */
  leader(): Promise<Connection> {
    return this.#leader === undefined ? this.look() : Promise.resolve(this.#leader);
  }

  /** Asks the members who leads; all who ask at once share the answer. */
  look(): Promise<Connection> {
    this.#looking ??= this.#ask().finally(() => (this.#looking = undefined));
    return this.#looking;
  }

  /** Forgets the leader, because it failed. Another that was found meanwhile is kept. */
  doubt(leader: Connection): void {
    if (this.#leader === leader) this.#leader = undefined;
  }

  /**
   * Asks every seed, since one that belongs to another cluster must not be found out later. Seeds that do not answer
   * are passed over.
   */
  async verifySeeds(): Promise<void> {
    const answers = await Promise.allSettled(this.#seeds.map((address) => this.#membersOf(address)));
    const ids = new Map<string, bigint>();
    for (const [index, answer] of answers.entries()) {
      if (answer.status === "fulfilled") ids.set(this.#seeds[index]!, answer.value.header?.clusterId ?? 0n);
    }
    if (new Set(ids.values()).size <= 1) return;
    const listed = [...ids].map(([address, id]) => `${address} belongs to ${id}`).join(", ");
    throw new TikvError("CLUSTER_MISMATCH", `the endpoints belong to several clusters: ${listed}`);
  }

  close(): void {
    this.#closed = true;
    for (const connection of this.#connections.values()) connection.close();
    this.#connections.clear();
  }

  /** The first answer that names a leader counts. */
  async #ask(): Promise<Connection> {
    const addresses = [...new Set([...this.#addresses, ...this.#seeds])];
    let answer: GetMembersResponse;
    try {
      answer = await Promise.any(addresses.map((address) => this.#withLeader(address)));
    } catch (error) {
      const reasons = error instanceof AggregateError ? error.errors : [error];
      const mismatch = reasons.find((reason) => reason instanceof TikvError && reason.code === "CLUSTER_MISMATCH");
      if (mismatch !== undefined) throw mismatch;
      const texts = reasons.map((reason: unknown) => (reason instanceof Error ? reason.message : String(reason)));
      throw new TikvError("UNAVAILABLE", `no member of PD names a leader: ${texts.join(" | ")}`, { cause: error });
    }
    if (this.#closed) throw new TikvError("CLOSED", "the client is closed");
    this.#clusterId = answer.header!.clusterId;
    this.#addresses = answer.members.flatMap(({ clientUrls }) => clientUrls.slice(0, 1).map(addressOf));
    for (const [address, connection] of this.#connections) {
      if (this.#addresses.includes(address) || this.#seeds.includes(address)) continue;
      this.#connections.delete(address);
      connection.close();
    }
    this.#leader = this.#connection(addressOf(answer.leader!.clientUrls[0]!));
    return this.#leader;
  }

  async #withLeader(address: string): Promise<GetMembersResponse> {
    const answer = await this.#membersOf(address);
    const { header, leader } = answer;
    const failure = header?.error;
    if (failure !== undefined && failure.type !== 0) throw new Error(`${address} says: ${failure.message}`);
    const id = header?.clusterId ?? 0n;
    if (id === 0n) throw new Error(`${address} belongs to no cluster yet`);
    if (this.#clusterId !== 0n && id !== this.#clusterId) {
      throw new TikvError("CLUSTER_MISMATCH", `${address} belongs to cluster ${id}, not to ${this.#clusterId}`);
    }
    if ((leader?.clientUrls.length ?? 0) === 0) throw new Error(`${address} knows no leader`);
    return answer;
  }

  async #membersOf(address: string): Promise<GetMembersResponse> {
    const request = create(GetMembersRequestSchema, { header: {} });
    const bounds: Bounds = { deadline: this.#options.runtime.now() + MEMBERS_TIMEOUT_MS };
    const bytes = await this.#connection(address).unary(PATH, toBinary(GetMembersRequestSchema, request), bounds);
    return fromBinary(GetMembersResponseSchema, bytes);
  }

  #connection(address: string): Connection {
    let connection = this.#connections.get(address);
    if (connection === undefined) {
      connection = new Connection(address, this.#options);
      this.#connections.set(address, connection);
    }
    return connection;
  }
}

function addressOf(url: string): string {
  return url.replace(/^[a-z]+:\/\//, "").replace(/\/$/, "");
}
