import { TikvError } from "../errors.ts";
import { APIVersion } from "../gen/kvrpcpb_pb.ts";
import { decodeBytes, encodeBytes } from "./bytes.ts";

export interface Range {
  /** Included; empty: from the first key. */
  readonly start: Uint8Array;
  /** Excluded; empty: to the last key. */
  readonly end: Uint8Array;
}

/** How keys of a user stand in a cluster: as TiKV has them, and as PD has them in the bounds of regions. */
export interface KeySpace {
  readonly apiVersion: APIVersion;
  readonly keyspaceId: number;
  /** How many bytes are put in front of each key. */
  readonly prefixBytes: number;
  toTikv(key: Uint8Array): Uint8Array;
  fromTikv(key: Uint8Array): Uint8Array;
  /** Keeps a range within the keyspace. */
  rangeToTikv(range: Range): Range;
  /** Takes and gives TiKV's form; an empty bound stays empty. */
  toPd(key: Uint8Array): Uint8Array;
  fromPd(bound: Uint8Array): Uint8Array;
}

/** PD's id for "no keyspace". */
const NO_KEYSPACE = 0xffff_ffff;
const MAX_KEYSPACE = 0xff_ffff;
const PREFIX_BYTES = 4;

const same = (key: Uint8Array): Uint8Array => key;

/** Keys of raw KV under API V1 stand everywhere as they are. */
export function rawV1(withTtl: boolean): KeySpace {
  return {
    apiVersion: withTtl ? APIVersion.V1TTL : APIVersion.V1,
    keyspaceId: NO_KEYSPACE,
    prefixBytes: 0,
    toTikv: same,
    fromTikv: same,
    rangeToTikv: (range) => range,
    toPd: same,
    fromPd: same,
  };
}

/** Keys under API V2 stand behind their keyspace, and in memory-comparable form in PD. */
export function rawV2(keyspaceId: number): KeySpace {
  if (!Number.isInteger(keyspaceId) || keyspaceId < 0 || keyspaceId > MAX_KEYSPACE) {
    throw new TikvError("PROTOCOL", `PD gave the keyspace id ${keyspaceId}, expected one of three bytes`);
  }
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt32BE(keyspaceId);
  prefix.write("r", 0, "latin1");
  // The first key behind the keyspace; after the last keyspace it is the mode's next letter.
  const end = Buffer.alloc(PREFIX_BYTES);
  end.writeUInt32BE(prefix.readUInt32BE() + 1);
  const toTikv = (key: Uint8Array): Uint8Array => {
    const encoded = new Uint8Array(PREFIX_BYTES + key.length);
    encoded.set(prefix);
    encoded.set(key, PREFIX_BYTES);
    return encoded;
  };
  return {
    apiVersion: APIVersion.V2,
    keyspaceId,
    prefixBytes: PREFIX_BYTES,
    toTikv,
    fromTikv(key) {
      if (!prefix.equals(key.subarray(0, PREFIX_BYTES))) {
        throw new TikvError("PROTOCOL", `a store gave a key outside keyspace ${keyspaceId}`);
      }
      return key.subarray(PREFIX_BYTES);
    },
    rangeToTikv: (range) => ({
      start: toTikv(range.start),
      end: range.end.length === 0 ? new Uint8Array(end) : toTikv(range.end),
    }),
    toPd: (key) => (key.length === 0 ? key : encodeBytes(key)),
    fromPd: (bound) => (bound.length === 0 ? bound : decodeBytes(bound)),
  };
}
