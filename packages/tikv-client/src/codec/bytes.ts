import { TikvError } from "../errors.ts";

const GROUP = 8;
const MARKER = 0xff;

/**
 * Encodes bytes so that encodings compare as the bytes do, whatever follows them: groups of eight, each padded with
 * zeros and followed by 0xff less the number of zeros. As TiKV's `codec::bytes` and client-go's `util/codec`.
 */
export function encodeBytes(bytes: Uint8Array): Uint8Array {
  const groups = Math.floor(bytes.length / GROUP) + 1;
  const encoded = new Uint8Array(groups * (GROUP + 1));
  for (let group = 0; group < groups; group++) {
    const part = bytes.subarray(group * GROUP, (group + 1) * GROUP);
    encoded.set(part, group * (GROUP + 1));
    encoded[group * (GROUP + 1) + GROUP] = MARKER - (GROUP - part.length);
  }
  return encoded;
}

/** Decodes what `encodeBytes` made. Throws `PROTOCOL` for anything else. */
export function decodeBytes(encoded: Uint8Array): Uint8Array {
  const decoded = new Uint8Array(encoded.length);
  let length = 0;
  for (let at = 0; ; at += GROUP + 1) {
    const marker = encoded[at + GROUP];
    if (marker === undefined) throw broken("it ends within a group");
    const padding = MARKER - marker;
    if (padding > GROUP) throw broken(`the marker ${marker} is none`);
    const size = GROUP - padding;
    decoded.set(encoded.subarray(at, at + size), length);
    length += size;
    if (padding === 0) continue;
    if (encoded.subarray(at + size, at + GROUP).some((byte) => byte !== 0)) throw broken("its padding is not zero");
    if (at + GROUP + 1 !== encoded.length) throw broken("bytes follow its end");
    return decoded.subarray(0, length);
  }
}

function broken(reason: string): TikvError {
  return new TikvError("PROTOCOL", `a key is not in memory-comparable form: ${reason}`);
}
