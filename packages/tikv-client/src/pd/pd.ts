import {
  create,
  type DescMessage,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";

import type { Call } from "../call/call.ts";
import { TikvError } from "../errors.ts";
import { Keyspace, KeyspaceState, KeyspaceStateSchema } from "../gen/keyspacepb_pb.ts";
import type { Region, Store } from "../gen/metapb_pb.ts";
import { type Peer, StoreState } from "../gen/metapb_pb.ts";
import {
  ErrorType,
  ErrorTypeSchema,
  type GetRegionResponse,
  PD,
  type PeerStats,
  type ResponseHeader,
} from "../gen/pdpb_pb.ts";
import type { Connection, ConnectionOptions } from "../grpc/connection.ts";
import { GrpcCode, RpcError } from "../grpc/status.ts";
import { Members } from "./members.ts";
import { Oracle } from "./oracle.ts";

/** A region as PD knows it. Its bounds are in PD's form. */
export interface PlacedRegion {
  readonly region: Region;
  readonly leader: Peer | undefined;
  /** Ids of peers that do not answer. */
  readonly down: ReadonlySet<bigint>;
}

/** How long one attempt may take, as client-go. */
const PD_TIMEOUT_MS = 3_000;
/** The leader is asked for again after so long, even when it serves. */
const MEMBERS_REFRESH_MS = 60_000;

/** Asks the placement driver, whoever leads it. Every question ends with its call. */
export class PlacementDriver {
  readonly oracle: Oracle;
  readonly #members: Members;
  readonly #options: ConnectionOptions;
  #stopRefresh: (() => void) | undefined;

  constructor(endpoints: readonly string[], options: ConnectionOptions) {
    this.#options = options;
    this.#members = new Members(endpoints, options);
    this.oracle = new Oracle(this.#members, options.runtime);
  }

  /** Finds the leader and checks that all endpoints belong to one cluster. */
  async open(call: Call): Promise<void> {
    await Promise.all([this.#members.verifySeeds(), this.#leader(call)]);
    this.#refreshLater();
  }

  get clusterId(): bigint {
    return this.#members.clusterId;
  }

  /** Gives the region that holds a key. */
  region(call: Call, key: Uint8Array): Promise<PlacedRegion> {
    return this.#region(call, () => this.#ask(call, PD.method.getRegion, { regionKey: key }));
  }

  /** Gives the region that ends where the one with the key starts. */
  previousRegion(call: Call, key: Uint8Array): Promise<PlacedRegion> {
    return this.#region(call, () => this.#ask(call, PD.method.getPrevRegion, { regionKey: key }));
  }

  regionById(call: Call, id: bigint): Promise<PlacedRegion> {
    return this.#region(call, () => this.#ask(call, PD.method.getRegionByID, { regionId: id }));
  }

  /** Lists the regions that overlap a range, at most `limit`, in order. An empty end means no end. */
  async scanRegions(call: Call, start: Uint8Array, end: Uint8Array, limit: number): Promise<readonly PlacedRegion[]> {
    const { regions } = await this.#ask(call, PD.method.scanRegions, { startKey: start, endKey: end, limit });
    return regions.flatMap(({ region, leader, downPeers }) =>
      region === undefined ? [] : [placed(region, leader, downPeers)],
    );
  }

  /** Gives a store, or nothing where it is gone for good. */
  async store(call: Call, id: bigint): Promise<Store | undefined> {
    const { store } = await this.#ask(call, PD.method.getStore, { storeId: id });
    return store === undefined || store.state === StoreState.Tombstone ? undefined : store;
  }

  /** Lists the stores that are not gone. */
  async stores(call: Call): Promise<readonly Store[]> {
    return (await this.#ask(call, PD.method.getAllStores, { excludeTombstoneStores: true })).stores;
  }

  /** Gives the id of a keyspace. Throws `KEYSPACE` where it is missing or not enabled. */
  async keyspaceId(call: Call, name: string): Promise<number> {
    const { header, keyspace } = await this.#ask(call, Keyspace.method.loadKeyspace, { name });
    if (header?.error !== undefined || keyspace === undefined) {
      const reason = header?.error?.message ?? "PD gave none";
      throw new TikvError("KEYSPACE", `keyspace ${JSON.stringify(name)} can't be loaded: ${reason}`);
    }
    if (keyspace.state !== KeyspaceState.ENABLED) {
      const state = KeyspaceStateSchema.value[keyspace.state]?.name ?? keyspace.state;
      throw new TikvError("KEYSPACE", `keyspace ${JSON.stringify(name)} is ${state}, not ENABLED`);
    }
    return keyspace.id;
  }

  close(): void {
    this.#stopRefresh?.();
    this.oracle.close();
    this.#members.close();
  }

  /** PD knows no region at the edges of a split that it hears of later; it will. */
  async #region(call: Call, ask: () => Promise<GetRegionResponse>): Promise<PlacedRegion> {
    for (;;) {
      const { region, leader, downPeers } = await ask();
      if (region !== undefined && region.peers.length > 0) return placed(region, leader, downPeers);
      await call.backoff("pdRpc", "PD knows no region there yet");
    }
  }

  async #ask<Request extends DescMessage, Response extends DescMessage>(
    call: Call,
    method: DescMethodUnary<Request, Response>,
    fields: MessageInitShape<Request> & object,
  ): Promise<MessageShape<Response>> {
    for (;;) {
      const leader = await this.#leader(call);
      const request = create(method.input, { ...fields, header: { clusterId: this.clusterId } });
      const path = `/${method.parent.typeName}/${method.name}`;
      try {
        const bytes = await leader.unary(path, toBinary(method.input, request), call.within(PD_TIMEOUT_MS));
        const answer = fromBinary(method.output, bytes);
        // Every answer of PD starts with its header.
        const failure = this.#checked((answer as { readonly header?: ResponseHeader }).header, method.name);
        if (failure === undefined) return answer;
        await call.backoff("pdRpc", failure);
      } catch (error) {
        if (!(error instanceof RpcError)) throw error;
        call.check();
        if (FINAL.has(error.code))
          throw new TikvError(FINAL.get(error.code)!, `PD: ${error.message}`, { cause: error });
        this.#members.doubt(leader);
        await call.backoff("pdRpc", `${leader.address}: ${error.message}`);
      }
    }
  }

  /** Gives the reason to ask again, if there is one. What the caller must judge is left to it. */
  #checked(header: ResponseHeader | undefined, method: string): string | undefined {
    const id = header?.clusterId ?? 0n;
    if (id !== 0n && id !== this.clusterId) {
      throw new TikvError("CLUSTER_MISMATCH", `PD answered for cluster ${id}, not for ${this.clusterId}`);
    }
    const failure = header?.error;
    if (failure === undefined || failure.type === ErrorType.OK || method === Keyspace.method.loadKeyspace.name) {
      return undefined;
    }
    if (failure.type === ErrorType.STORE_TOMBSTONE || failure.type === ErrorType.INCOMPATIBLE_VERSION) {
      throw new TikvError("REFUSED", `PD: ${failure.message}`);
    }
    return `PD says ${ErrorTypeSchema.value[failure.type]?.name ?? failure.type}: ${failure.message}`;
  }

  async #leader(call: Call): Promise<Connection> {
    for (;;) {
      call.check();
      try {
        return await this.#members.leader();
      } catch (error) {
        if (!(error instanceof TikvError) || error.code !== "UNAVAILABLE") throw error;
        await call.backoff("pdRpc", error.message);
      }
    }
  }

  #refreshLater(): void {
    this.#stopRefresh = this.#options.runtime.after(MEMBERS_REFRESH_MS, () => {
      this.#refreshLater();
      // A refresh that fails changes nothing: who needs the leader next finds out by itself.
      this.#members.look().catch(() => undefined);
    });
  }
}

/** What another attempt can't mend. */
const FINAL: ReadonlyMap<number, "CLUSTER_MISMATCH" | "UNSUPPORTED" | "REFUSED"> = new Map([
  // PD's words for a request to another cluster.
  [GrpcCode.FAILED_PRECONDITION, "CLUSTER_MISMATCH"],
  [GrpcCode.UNIMPLEMENTED, "UNSUPPORTED"],
  [GrpcCode.INVALID_ARGUMENT, "REFUSED"],
]);

function placed(region: Region, leader: Peer | undefined, down: readonly PeerStats[]): PlacedRegion {
  const ids = new Set(down.flatMap(({ peer }) => (peer === undefined ? [] : [peer.id])));
  // PD writes "no leader" as a peer of id 0.
  return { region, leader: leader === undefined || leader.id === 0n ? undefined : leader, down: ids };
}
