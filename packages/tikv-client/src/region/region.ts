import { create, toBinary } from "@bufbuild/protobuf";

import { compareKeys } from "../codec/compare.ts";
import type { KeySpace } from "../codec/key-space.ts";
import { ContextSchema } from "../gen/kvrpcpb_pb.ts";
import { type Peer, PeerRole } from "../gen/metapb_pb.ts";
import type { PlacedRegion } from "../pd/pd.ts";
import { lengthTag, varintBytes, writeVarint } from "../store/wire.ts";

/** Every command of a region carries its context in the first field. */
const CONTEXT_FIELD = 1;

/** A region as it was known at one time: its range, its version and who has it. Only the leader changes. */
export class Region {
  readonly id: bigint;
  /** Bounds in TiKV's form; an empty end means no end. */
  readonly start: Uint8Array;
  readonly end: Uint8Array;
  readonly version: bigint;
  readonly confVersion: bigint;
  /** Those that may lead. */
  readonly peers: readonly Peer[];
  #leader: Peer;
  readonly #contexts = new Map<bigint, Uint8Array>();

  /** Takes what PD or a store tells. Throws `PROTOCOL` where the bounds are not in the key space's form. */
  constructor({ region, leader, down }: PlacedRegion, space: KeySpace) {
    this.id = region.id;
    this.start = space.fromPd(region.startKey);
    this.end = space.fromPd(region.endKey);
    this.version = region.regionEpoch?.version ?? 0n;
    this.confVersion = region.regionEpoch?.confVer ?? 0n;
    const leads = (peer: Peer): boolean => peer.id === leader?.id;
    const mayLead = (peer: Peer): boolean => peer.role !== PeerRole.Learner && !peer.isWitness && !down.has(peer.id);
    const able = region.peers.filter((peer) => leads(peer) || mayLead(peer));
    this.peers = able.length > 0 ? able : region.peers;
    this.#leader = this.peers.find(leads) ?? this.peers[0]!;
  }

  get leader(): Peer {
    return this.#leader;
  }

  /** Follows a leader. Tells whether the region has that peer. */
  follow(leader: Peer): boolean {
    const peer = this.peers.find(({ id }) => id === leader.id);
    if (peer !== undefined) this.#leader = peer;
    return peer !== undefined;
  }

  holds(key: Uint8Array): boolean {
    return compareKeys(key, this.start) >= 0 && (this.end.length === 0 || compareKeys(key, this.end) < 0);
  }

  overlaps(other: Region): boolean {
    return (
      (other.end.length === 0 || compareKeys(this.start, other.end) < 0) &&
      (this.end.length === 0 || compareKeys(other.start, this.end) < 0)
    );
  }

  /** Gives the encoded field that routes a command to a peer; it is encoded once. */
  context(peer: Peer, { apiVersion, keyspaceId }: KeySpace, clusterId: bigint, maxExecutionMs: number): Uint8Array {
    let field = this.#contexts.get(peer.id);
    if (field === undefined) {
      const context = toBinary(
        ContextSchema,
        create(ContextSchema, {
          regionId: this.id,
          regionEpoch: { version: this.version, confVer: this.confVersion },
          peer,
          apiVersion,
          keyspaceId,
          clusterId,
          maxExecutionDurationMs: BigInt(maxExecutionMs),
        }),
      );
      const head = 1 + varintBytes(context.length);
      field = new Uint8Array(head + context.length);
      field[0] = lengthTag(CONTEXT_FIELD);
      writeVarint(field, 1, context.length);
      field.set(context, head);
      this.#contexts.set(peer.id, field);
    }
    return field;
  }
}
