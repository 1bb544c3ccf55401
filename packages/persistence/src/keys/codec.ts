import { createHash } from "node:crypto";

import { StoreError } from "../contract/error.ts";

/*
 * Driver keys are made of [0-9a-z-._~!] only, so that they are legal and case-safe on every backend. Parts are joined
 * by "-". A byte that is neither a digit nor a lower-case letter becomes an escape character and two hex digits. The
 * three escape characters keep byte order: "." sorts below the digits, "_" between digits and letters, "~" above all
 * letters; "-" sorts below them all, so that tuples sort part by part. "!" only starts the hash of an overlong key.
 */
export const SEPARATOR = "-";
const HASH_MARK = "!";
const HASH_CHARS = 52;
const SAFE = /^[0-9a-z]*$/;
const BASE32 = "abcdefghijklmnopqrstuvwxyz234567";
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

const ESCAPED: readonly string[] = Array.from({ length: 256 }, (_, byte) => {
  const char = String.fromCharCode(byte);
  if (SAFE.test(char)) return char;
  const escape = byte < 0x30 ? "." : byte < 0x61 ? "_" : "~";
  return escape + byte.toString(16).padStart(2, "0");
});

const IS_SAFE: readonly boolean[] = ESCAPED.map((text) => text.length === 1);

/** Encodes one part of a key. Throws `INVALID_ARGUMENT` on a string with a lone surrogate: it has no UTF-8 form. */
export function encodePart(part: string): string {
  let out = "";
  let copied = 0;
  for (let at = 0; at < part.length; at += 1) {
    const code = part.charCodeAt(at);
    if (code > 0x7f) return encodeBytes(part);
    if (IS_SAFE[code] === true) continue;
    out += part.slice(copied, at) + (ESCAPED[code] ?? "");
    copied = at + 1;
  }
  return copied === 0 ? part : out + part.slice(copied);
}

function encodeBytes(part: string): string {
  if (!part.isWellFormed()) {
    throw new StoreError("INVALID_ARGUMENT", "key: expected well-formed Unicode, found a lone surrogate");
  }
  let out = "";
  for (const byte of Buffer.from(part, "utf8")) out += ESCAPED[byte];
  return out;
}

/** Decodes what {@link encodePart} made; throws `CORRUPT` on anything else. */
export function decodePart(encoded: string): string {
  if (SAFE.test(encoded)) return encoded;
  const bytes = Buffer.allocUnsafe(encoded.length);
  let length = 0;
  for (let at = 0; at < encoded.length; at += 1) {
    const code = encoded.charCodeAt(at);
    if (IS_SAFE[code] === true) {
      bytes[length++] = code;
      continue;
    }
    const byte = Number.parseInt(encoded.slice(at + 1, at + 3), 16);
    if (Number.isNaN(byte) || ESCAPED[byte] !== encoded.slice(at, at + 3)) throw foreign(encoded);
    bytes[length++] = byte;
    at += 2;
  }
  try {
    return utf8.decode(bytes.subarray(0, length));
  } catch {
    throw foreign(encoded);
  }
}

function foreign(encoded: string): StoreError {
  return new StoreError("CORRUPT", `stored key part ${JSON.stringify(encoded)} is not one of ours`);
}

export interface EncodedKey {
  readonly text: string;
  /** The key was cut and carries a hash: its parts can't be read back from the text. */
  readonly hashed: boolean;
}

/** Makes a driver key of at most `maxBytes` from joined parts; what is longer is cut and ends in its full hash. */
export function fitKey(text: string, maxBytes: number): EncodedKey {
  if (text.length <= maxBytes) return { text, hashed: false };
  const keep = maxBytes - HASH_CHARS - HASH_MARK.length;
  if (keep < 0) {
    throw new StoreError(
      "UNSUPPORTED",
      `the driver's maxKeyBytes of ${maxBytes} leaves no room for a hash of ${HASH_CHARS}`,
    );
  }
  return { text: text.slice(0, keep) + HASH_MARK + base32(createHash("sha256").update(text).digest()), hashed: true };
}

/** Whether {@link fitKey} cut this driver key. */
export function isHashed(driverKey: string): boolean {
  return driverKey.length > HASH_CHARS && driverKey[driverKey.length - HASH_CHARS - 1] === HASH_MARK;
}

/** The driver prefix that holds every key, cut or not, whose joined text starts with `text`. */
export function cutPrefix(text: string, maxBytes: number): string {
  return text.slice(0, Math.max(0, maxBytes - HASH_CHARS - HASH_MARK.length));
}

function base32(bytes: Uint8Array): string {
  let out = "";
  let bits = 0;
  let value = 0;
  for (const byte of bytes) {
    value = (value << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      out += BASE32[(value >>> bits) & 31];
    }
    value &= (1 << bits) - 1;
  }
  return bits === 0 ? out : out + BASE32[(value << (5 - bits)) & 31];
}
