import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { decodeBytes, encodeBytes } from "../src/codec/bytes.ts";
import { compareEnds, compareKeys } from "../src/codec/compare.ts";
import { rawV1, rawV2 } from "../src/codec/key-space.ts";
import { TikvError } from "../src/errors.ts";
import { APIVersion } from "../src/gen/kvrpcpb_pb.ts";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const unhex = (digits: string): Uint8Array => Buffer.from(digits, "hex");
const key = fc.uint8Array({ maxLength: 40 });

describe("memory-comparable bytes", () => {
  // The examples of TiKV's codec and of client-go's.
  test.each([
    ["", "0000000000000000f7"],
    ["00", "0000000000000000f8"],
    ["010203", "0102030000000000fa"],
    ["01020300", "0102030000000000fb"],
    ["0102030405060708", "0102030405060708ff0000000000000000f7"],
    ["010203040506070809", "0102030405060708ff0900000000000000f8"],
    ["ffffffffffffffff", "ffffffffffffffffff0000000000000000f7"],
  ])("%s is encoded as %s", (bytes, encoded) => {
    expect(hex(encodeBytes(unhex(bytes)))).toBe(encoded);
    expect(hex(decodeBytes(unhex(encoded)))).toBe(bytes);
  });

  test("any bytes come back, and encodings compare as the bytes do, whatever follows", () => {
    fc.assert(
      fc.property(key, key, key, key, (a, b, afterA, afterB) => {
        expect(hex(decodeBytes(encodeBytes(a)))).toBe(hex(a));
        const order = Math.sign(compareKeys(a, b));
        const followed = compareKeys(Buffer.concat([encodeBytes(a), afterA]), Buffer.concat([encodeBytes(b), afterB]));
        if (order !== 0) expect(Math.sign(followed)).toBe(order);
      }),
    );
  });

  test("what is no encoding is refused, and what is decoded encodes to the same", () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 30 }), key.map(encodeBytes)), (input) => {
        try {
          expect(hex(encodeBytes(decodeBytes(input)))).toBe(hex(input));
        } catch (error) {
          if (!(error instanceof TikvError)) throw error;
          expect(error.code).toBe("PROTOCOL");
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("key spaces", () => {
  test("keys of raw KV under API V1 stand as they are", () => {
    const space = rawV1(false);
    expect(space.apiVersion).toBe(APIVersion.V1);
    expect(rawV1(true).apiVersion).toBe(APIVersion.V1TTL);
    for (const one of ["", "00", "ff61"]) {
      const bytes = unhex(one);
      for (const form of [space.toTikv, space.fromTikv, space.toPd, space.fromPd]) expect(hex(form(bytes))).toBe(one);
    }
  });

  test("keys under API V2 stand behind their keyspace", () => {
    const space = rawV2(0x01_02_03);
    expect(space.keyspaceId).toBe(0x01_02_03);
    expect(hex(space.toTikv(unhex("616263")))).toBe("72010203616263");
    expect(hex(space.fromTikv(unhex("72010203616263")))).toBe("616263");
    expect(hex(space.toPd(unhex("72010203616263")))).toBe("72010203616263" + "00fe");
    expect(() => space.fromTikv(unhex("72010204616263"))).toThrow("outside keyspace 66051");
    expect(() => space.fromTikv(unhex("78010203616263"))).toThrow("[PROTOCOL]");
  });

  test.each([
    [0, "72000000", "72000001"],
    [0xff, "720000ff", "72000100"],
    [0xff_ffff, "72ffffff", "73000000"],
  ])("a range without bounds stays in keyspace %i", (id, start, end) => {
    const space = rawV2(id);
    const range = space.rangeToTikv({ start: unhex(""), end: unhex("") });
    expect([hex(range.start), hex(range.end)]).toEqual([start, end]);
    const part = space.rangeToTikv({ start: unhex("61"), end: unhex("62") });
    expect([hex(part.start), hex(part.end)]).toEqual([`${start}61`, `${start}62`]);
  });

  test("keys keep their order and come back, and regions' bounds come back from PD", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xff_ffff }), key, key, (id, a, b) => {
        const space = rawV2(id);
        expect(hex(space.fromTikv(space.toTikv(a)))).toBe(hex(a));
        expect(Math.sign(compareKeys(space.toTikv(a), space.toTikv(b)))).toBe(Math.sign(compareKeys(a, b)));
        const { start, end } = space.rangeToTikv({ start: new Uint8Array(0), end: new Uint8Array(0) });
        expect(compareKeys(start, space.toTikv(a))).toBeLessThanOrEqual(0);
        expect(compareKeys(space.toTikv(a), end)).toBeLessThan(0);
        expect(hex(space.fromPd(space.toPd(space.toTikv(a))))).toBe(hex(space.toTikv(a)));
      }),
    );
  });

  test("an id that has no room is refused", () => {
    expect(() => rawV2(0x100_0000)).toThrow("[PROTOCOL]");
  });
});

test("an empty end is above all others", () => {
  expect(compareEnds(unhex(""), unhex("ffff"))).toBe(1);
  expect(compareEnds(unhex("ffff"), unhex(""))).toBe(-1);
  expect(compareEnds(unhex(""), unhex(""))).toBe(0);
  expect(compareEnds(unhex("01"), unhex("02"))).toBe(-1);
});
