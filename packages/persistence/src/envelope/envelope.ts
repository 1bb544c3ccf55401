import { StoreError } from "../contract/error.ts";
import { envelopeCrc } from "./crc.ts";

/*
 * Stored form of every value, version 1 (numbers big-endian):
 *   0      magic 0x4f "O"
 *   1      format 1
 *   2      flags: 1 previousNonce, 2 fence, 4 grant, 8 tombstone, 16 key, 32 encrypted
 *   3      codec: 0 none, 1 gzip, 2 lz4, 3 zstd
 *   4..7   CRC-32 of all other bytes
 *   8..23  nonce
 *   then, as flagged: previousNonce 16, fence 8, grant 16, key (2 bytes length, UTF-8),
 *   encryption (1 byte length, key id, initialization vector 12, tag 16); then the body.
 */
const MAGIC = 0x4f;
const FORMAT = 1;
const FIXED_BYTES = 24;
const NONCE_AT = 8;
const NONCE_BYTES = 16;
const FENCE_BYTES = 8;
const GRANT_BYTES = 16;
export const IV_BYTES = 12;
const TAG_BYTES = 16;
const MAX_KEY_ID_BYTES = 32;

const PREVIOUS = 1;
const FENCE = 2;
const GRANT = 4;
const TOMBSTONE = 8;
const KEY = 16;
const ENCRYPTED = 32;
const KNOWN_FLAGS = 63;

/** The most that an envelope adds to a body, beside the text of a hashed key. */
export const ENVELOPE_BYTES: number =
  FIXED_BYTES + NONCE_BYTES + FENCE_BYTES + GRANT_BYTES + 1 + MAX_KEY_ID_BYTES + IV_BYTES + TAG_BYTES;

export const CODECS = ["none", "gzip", "lz4", "zstd"] as const;
export type Codec = (typeof CODECS)[number];

export interface Encryption {
  readonly keyId: string;
  readonly iv: Uint8Array;
  readonly tag: Uint8Array;
}

export interface Envelope {
  /** Names this write: 16 bytes, never used twice. */
  readonly nonce: Uint8Array;
  /** The nonce of the write that this one replaced. */
  readonly previousNonce?: Uint8Array | undefined;
  readonly fence?: bigint | undefined;
  /** The grant of a lease (16 bytes) that wrote a guarded record. */
  readonly grant?: Uint8Array | undefined;
  /** The record stands for "deleted". */
  readonly tombstone: boolean;
  /** The key as the user wrote it, where the driver key is a hash. */
  readonly key?: string | undefined;
  readonly codec: Codec;
  readonly encryption?: Encryption | undefined;
  readonly body: Uint8Array;
}

/** Writes an envelope. The result is fresh memory. */
export function encodeEnvelope(envelope: Envelope): Buffer {
  const { previousNonce, fence, grant, encryption, body } = envelope;
  const key = envelope.key === undefined ? undefined : Buffer.from(envelope.key, "utf8");
  const keyId = encryption === undefined ? undefined : Buffer.from(encryption.keyId, "utf8");
  let flags = envelope.tombstone ? TOMBSTONE : 0;
  let length = FIXED_BYTES + body.length;
  if (previousNonce !== undefined) {
    flags |= PREVIOUS;
    length += NONCE_BYTES;
  }
  if (fence !== undefined) {
    flags |= FENCE;
    length += FENCE_BYTES;
  }
  if (grant !== undefined) {
    flags |= GRANT;
    length += GRANT_BYTES;
  }
  if (key !== undefined) {
    flags |= KEY;
    length += 2 + key.length;
  }
  if (keyId !== undefined) {
    flags |= ENCRYPTED;
    length += 1 + keyId.length + IV_BYTES + TAG_BYTES;
  }
  const out = Buffer.allocUnsafe(length);
  out[0] = MAGIC;
  out[1] = FORMAT;
  out[2] = flags;
  out[3] = CODECS.indexOf(envelope.codec);
  out.set(envelope.nonce, NONCE_AT);
  let at = FIXED_BYTES;
  if (previousNonce !== undefined) {
    out.set(previousNonce, at);
    at += NONCE_BYTES;
  }
  if (fence !== undefined) at = out.writeBigUInt64BE(fence, at);
  if (grant !== undefined) {
    out.set(grant, at);
    at += GRANT_BYTES;
  }
  if (key !== undefined) {
    at = out.writeUInt16BE(key.length, at);
    out.set(key, at);
    at += key.length;
  }
  if (encryption !== undefined && keyId !== undefined) {
    out[at++] = keyId.length;
    out.set(keyId, at);
    at += keyId.length;
    out.set(encryption.iv, at);
    at += IV_BYTES;
    out.set(encryption.tag, at);
    at += TAG_BYTES;
  }
  out.set(body, at);
  out.writeUInt32BE(envelopeCrc(out), 4);
  return out;
}

/**
 * Reads an envelope as a plain object, to be changed and written anew; its byte fields are views of `bytes`. Throws as
 * {@link OpenedEnvelope} does.
 */
export function decodeEnvelope(bytes: Uint8Array): Envelope {
  const { nonce, previousNonce, fence, grant, tombstone, key, codec, encryption, body } = new OpenedEnvelope(bytes);
  return { nonce, previousNonce, fence, grant, tombstone, key, codec, encryption, body };
}

/**
 * A checked envelope whose fields are read when they are asked for: a view costs more than most other steps of a read,
 * and a read needs few of them. Byte fields are views of the bytes.
 */
export class OpenedEnvelope implements Envelope {
  readonly codec: Codec;
  readonly tombstone: boolean;
  readonly #bytes: Buffer;
  readonly #flags: number;
  /** Where the key, the encryption and the body start. */
  readonly #keyAt: number;
  readonly #encryptionAt: number;
  readonly #bodyAt: number;

  /** Throws `CORRUPT` on damage and on unknown formats. */
  constructor(bytes: Uint8Array) {
    const view = bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (view.length < FIXED_BYTES || view[0] !== MAGIC) throw corrupt("not an envelope");
    if (view[1] !== FORMAT) throw corrupt(`format ${view[1]} is unknown, this version reads ${FORMAT}`);
    if (view.readUInt32BE(4) !== envelopeCrc(view)) throw corrupt("checksum mismatch");
    const flags = view[2] ?? 0;
    const codec = CODECS[view[3] ?? 0];
    if ((flags & ~KNOWN_FLAGS) !== 0 || codec === undefined) throw corrupt("unknown flags or codec");
    let at = grantAt(flags) + ((flags & GRANT) === 0 ? 0 : GRANT_BYTES);
    this.#keyAt = at;
    if ((flags & KEY) !== 0) at += 2 + (((view[at] ?? 0) << 8) | (view[at + 1] ?? 0));
    this.#encryptionAt = at;
    if ((flags & ENCRYPTED) !== 0) at += 1 + (view[at] ?? 0) + IV_BYTES + TAG_BYTES;
    if (at > view.length) throw corrupt("cut short");
    this.#bodyAt = at;
    this.#bytes = view;
    this.#flags = flags;
    this.codec = codec;
    this.tombstone = (flags & TOMBSTONE) !== 0;
  }

  get nonce(): Buffer {
    return this.#bytes.subarray(NONCE_AT, FIXED_BYTES);
  }

  /** The nonce as hexadecimal digits. */
  get nonceText(): string {
    return this.#bytes.toString("hex", NONCE_AT, FIXED_BYTES);
  }

  get previousNonce(): Buffer | undefined {
    return (this.#flags & PREVIOUS) === 0 ? undefined : this.#bytes.subarray(FIXED_BYTES, FIXED_BYTES + NONCE_BYTES);
  }

  get fence(): bigint | undefined {
    return (this.#flags & FENCE) === 0 ? undefined : this.#bytes.readBigUInt64BE(fenceAt(this.#flags));
  }

  get grant(): Buffer | undefined {
    return (this.#flags & GRANT) === 0 ? undefined : this.#bytes.subarray(grantAt(this.#flags), this.#keyAt);
  }

  /** The grant as hexadecimal digits; empty where there is none. */
  get grantText(): string {
    return (this.#flags & GRANT) === 0 ? "" : this.#bytes.toString("hex", grantAt(this.#flags), this.#keyAt);
  }

  get key(): string | undefined {
    return (this.#flags & KEY) === 0 ? undefined : this.#bytes.toString("utf8", this.#keyAt + 2, this.#encryptionAt);
  }

  get encryption(): Encryption | undefined {
    if ((this.#flags & ENCRYPTED) === 0) return undefined;
    const tagAt = this.#bodyAt - TAG_BYTES;
    const ivAt = tagAt - IV_BYTES;
    return {
      keyId: this.#bytes.toString("utf8", this.#encryptionAt + 1, ivAt),
      iv: this.#bytes.subarray(ivAt, tagAt),
      tag: this.#bytes.subarray(tagAt, this.#bodyAt),
    };
  }

  get body(): Buffer {
    return this.#bytes.subarray(this.#bodyAt);
  }
}

function fenceAt(flags: number): number {
  return FIXED_BYTES + ((flags & PREVIOUS) === 0 ? 0 : NONCE_BYTES);
}

function grantAt(flags: number): number {
  return fenceAt(flags) + ((flags & FENCE) === 0 ? 0 : FENCE_BYTES);
}

function corrupt(why: string): StoreError {
  return new StoreError("CORRUPT", `stored value: ${why}`);
}
