import { crc32 } from "node:zlib";

import fc from "fast-check";
import { expect, test } from "vitest";

import { CODECS, decodeEnvelope, encodeEnvelope, type Envelope, ENVELOPE_BYTES } from "../src/envelope/envelope.ts";
import { failure } from "./support.ts";

const blob = (length: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: length, maxLength: length });
const envelopes: fc.Arbitrary<Envelope> = fc.record({
  nonce: blob(16),
  previousNonce: fc.option(blob(16), { nil: undefined }),
  fence: fc.option(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), { nil: undefined }),
  grant: fc.option(blob(16), { nil: undefined }),
  tombstone: fc.boolean(),
  key: fc.option(fc.string({ unit: "binary", maxLength: 40 }), { nil: undefined }),
  codec: fc.constantFrom(...CODECS),
  encryption: fc.option(fc.record({ keyId: fc.string({ minLength: 1, maxLength: 32 }), iv: blob(12), tag: blob(16) }), {
    nil: undefined,
  }),
  body: fc.uint8Array({ maxLength: 400 }),
});

const plain: Envelope = {
  nonce: new Uint8Array(16).fill(7),
  tombstone: false,
  codec: "none",
  body: Buffer.from("body"),
};

/** Byte fields come back as views; compare their bytes. */
function comparable(envelope: Envelope): unknown {
  const hex = (value: Uint8Array | undefined): string | undefined => value && Buffer.from(value).toString("hex");
  const { encryption } = envelope;
  return {
    ...envelope,
    nonce: hex(envelope.nonce),
    previousNonce: hex(envelope.previousNonce),
    grant: hex(envelope.grant),
    body: hex(envelope.body),
    encryption: encryption && { keyId: encryption.keyId, iv: hex(encryption.iv), tag: hex(encryption.tag) },
  };
}

/** Writes the checksum anew, so that a change is met by the checks behind it. */
function resealed(value: Buffer): Buffer {
  const copy = Buffer.from(value);
  copy.writeUInt32BE(crc32(copy.subarray(8), crc32(copy.subarray(0, 4))), 4);
  return copy;
}

test("an envelope comes back as it was written", () => {
  fc.assert(
    fc.property(envelopes, (envelope) => {
      const written = encodeEnvelope(envelope);
      expect(comparable(decodeEnvelope(written))).toEqual(comparable(envelope));
      const overhead = written.length - envelope.body.length;
      const keyBytes = envelope.key === undefined ? 0 : 2 + Buffer.byteLength(envelope.key);
      expect(overhead - keyBytes).toBeLessThanOrEqual(ENVELOPE_BYTES);
    }),
  );
});

test("it is read from any memory: a view, a plain array, a copy", () => {
  const written = encodeEnvelope(plain);
  const wide = new Uint8Array(written.length + 10);
  wide.set(written, 5);
  expect(comparable(decodeEnvelope(wide.subarray(5, 5 + written.length)))).toEqual(comparable(decodeEnvelope(written)));
});

test("every single flipped bit is found, in short and in long values", async () => {
  for (const length of [0, 3, 150, 500]) {
    const written = encodeEnvelope({
      ...plain,
      fence: 12n,
      previousNonce: plain.nonce,
      body: Buffer.alloc(length, "ab"),
    });
    for (let bit = 0; bit < written.length * 8; bit += 1) {
      const damaged = Buffer.from(written);
      damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect((await failure(() => decodeEnvelope(damaged))).code, `${length} bytes, bit ${bit}`).toBe("CORRUPT");
    }
  }
});

test("the checksum is CRC-32 at every length, as the platform computes it", () => {
  for (let length = 0; length < 300; length += 1) {
    const written = encodeEnvelope({ ...plain, body: Buffer.alloc(length, "xyz") });
    expect(resealed(written)).toEqual(written);
  }
});

test("every shorter and every longer value is found", async () => {
  const written = encodeEnvelope({
    ...plain,
    key: "k",
    encryption: { keyId: "a", iv: Buffer.alloc(12), tag: Buffer.alloc(16) },
  });
  for (let length = 0; length < written.length; length += 1) {
    expect((await failure(() => decodeEnvelope(written.subarray(0, length)))).code).toBe("CORRUPT");
  }
  expect((await failure(() => decodeEnvelope(Buffer.concat([written, Buffer.alloc(1)])))).code).toBe("CORRUPT");
});

test.each([
  ["another magic", 0, 0x50, "not an envelope"],
  ["a format of tomorrow", 1, 2, "format 2 is unknown"],
  ["an unknown flag", 2, 0x40, "unknown flags or codec"],
  ["an unknown codec", 3, 9, "unknown flags or codec"],
  ["a flag for a field that is not there", 2, 2, "cut short"],
])("%s is refused, checksum or not", async (_what, at, value, reason) => {
  const forged = encodeEnvelope(plain);
  forged[at] = value;
  const error = await failure(() => decodeEnvelope(resealed(forged)));
  expect(error.code).toBe("CORRUPT");
  expect(error.message).toContain(reason);
});
