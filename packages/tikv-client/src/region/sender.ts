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
import type { Error as RegionError } from "../gen/errorpb_pb.ts";
import type { Peer } from "../gen/metapb_pb.ts";
import { GrpcCode, RpcError } from "../grpc/status.ts";
import type { PlacementDriver } from "../pd/pd.ts";
import { carrierOf } from "../store/carrier.ts";
import type { StoreConnection } from "../store/store-connection.ts";
import type { RegionCache } from "./region-cache.ts";
import type { Region } from "./region.ts";
import type { Stores } from "./stores.ts";
import { judge, type Verdict } from "./verdict.ts";

/** How long a store has for one attempt. It gives up then too, so that it does not apply what is already sent again. */
const ATTEMPT_MS = 10_000;
/** Retries without a sleep, a call: more of them mean that two sides contradict each other. */
const FREE_RETRIES = 3;

/** What may be done twice, what only once. */
export type Effect =
  /** A read. */
  | "none"
  /** A write that may be repeated: the same again changes nothing. */
  | "repeatable"
  /** A write that must not be repeated once it may have been executed. */
  | "once";

/** Sends commands to regions, wherever they are now. */
export class RegionSender {
  readonly cache: RegionCache;
  readonly #stores: Stores;
  readonly #pd: PlacementDriver;

  constructor(cache: RegionCache, stores: Stores, pd: PlacementDriver) {
    this.cache = cache;
    this.#stores = stores;
    this.#pd = pd;
  }

  /**
   * Gives the answer of a region, or nothing where the region is no longer what it was: then its keys must be located
   * again. Throws a TikvError; its outcome is `unknown` where a write may have been applied.
   */
  async send<Request extends DescMessage, Response extends DescMessage>(
    call: Call,
    region: Region,
    method: DescMethodUnary<Request, Response>,
    fields: MessageInitShape<Request>,
    effect: Effect,
  ): Promise<MessageShape<Response> | undefined> {
    const body = toBinary(method.input, create(method.input, fields));
    let peer = region.leader;
    const failed = new Set<Peer>();
    for (let free = FREE_RETRIES; ;) {
      call.check();
      const store = await this.#stores.connection(call, peer.storeId);
      if (store === undefined) {
        this.cache.invalidate(region);
        await call.backoff("regionMiss", `store ${peer.storeId} is gone`);
        return undefined;
      }
      const answer = await this.#attempt(call, { region, peer, store, method, body, effect });
      if (answer === undefined) {
        // The next peer answers, or tells who leads; after the last one PD must know more.
        failed.add(peer);
        const next = region.peers.find((other) => !failed.has(other));
        if (next !== undefined) {
          peer = next;
          continue;
        }
        this.cache.invalidate(region);
        return undefined;
      }
      // Every answer of a region starts with its error.
      const { regionError } = answer as { readonly regionError?: RegionError };
      if (regionError === undefined) {
        if (peer !== region.leader) region.follow(peer);
        return answer;
      }
      const verdict = judge(regionError, region);
      const reason = `${store.address}, region ${region.id}: ${verdict.reason}`;
      if (verdict.unsure === true && effect === "once") throw undetermined(call, reason);
      if (verdict.next === "fail") throw new TikvError(verdict.code, `${call.name}: ${reason}`);
      this.#apply(verdict, region, peer, store);
      if (verdict.sleep !== undefined) await call.backoff(verdict.sleep, reason);
      else if (free-- <= 0) await call.backoff("regionScheduling", reason);
      if (verdict.next === "follow" && region.leader.id === verdict.leader.id) peer = region.leader;
      else if (verdict.next === "next-peer") peer = after(region.peers, peer);
      else if (verdict.next !== "same") return undefined;
    }
  }

  async #attempt<Request extends DescMessage, Response extends DescMessage>(
    call: Call,
    { region, peer, store, method, body, effect }: Attempt<Request, Response>,
  ): Promise<MessageShape<Response> | undefined> {
    const context = region.context(peer, this.cache.space, this.#pd.clusterId, ATTEMPT_MS);
    try {
      const bytes = await store.call(carrierOf(method), [context, body], call.within(ATTEMPT_MS));
      return fromBinary(method.output, bytes);
    } catch (error) {
      if (!(error instanceof RpcError)) throw unreadable(call, method.name, effect, error);
      if (error.sent && effect !== "none") call.unknown = true;
      if (error.sent && effect === "once") throw undetermined(call, `${store.address}: ${error.message}`, error);
      call.check();
      if (error.code === GrpcCode.UNIMPLEMENTED) {
        throw new TikvError("UNSUPPORTED", `${call.name}: ${store.address}: ${error.message}`, { cause: error });
      }
      if (error.code === GrpcCode.UNAVAILABLE) this.#stores.failed(peer.storeId);
      await call.backoff("tikvRpc", `${store.address}: ${error.message}`);
      return undefined;
    }
  }

  #apply(verdict: Verdict, region: Region, peer: Peer, store: StoreConnection): void {
    if (verdict.next === "follow") {
      if (true as boolean) this.cache.invalidate(region);
    } else if (verdict.next === "replace") {
      this.cache.replace(region, verdict.current, peer.storeId);
    } else if (verdict.next === "moved") {
      this.#stores.moved(peer.storeId, store);
      this.cache.invalidate(region);
    } else if (verdict.next === "relocate") {
      this.cache.invalidate(region);
    }
  }
}

interface Attempt<Request extends DescMessage, Response extends DescMessage> {
  readonly region: Region;
  readonly peer: Peer;
  readonly store: StoreConnection;
  readonly method: DescMethodUnary<Request, Response>;
  readonly body: Uint8Array;
  readonly effect: Effect;
}

function after(peers: readonly Peer[], peer: Peer): Peer {
  return peers[(peers.indexOf(peer) + 1) % peers.length]!;
}

function undetermined(call: Call, reason: string, cause?: unknown): TikvError {
  call.unknown = true;
  if (call.signal?.aborted === true) return call.aborted();
  return new TikvError("UNAVAILABLE", `${call.name}: the answer was lost: ${reason}`, { outcome: "unknown", cause });
}

function unreadable(call: Call, command: string, effect: Effect, cause: unknown): TikvError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  const outcome = effect === "none" ? "none" : "unknown";
  return new TikvError("PROTOCOL", `${call.name}: the answer to ${command} can't be read: ${reason}`, {
    outcome,
    cause,
  });
}
