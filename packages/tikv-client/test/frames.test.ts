import fc from "fast-check";
import { expect, test } from "vitest";

import { framed, FrameReader } from "../src/grpc/frames.ts";

const messages = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 12 });

test("messages come out whole and in order, however their bytes were cut", () => {
  fc.assert(
    fc.property(messages, fc.infiniteStream(fc.integer({ min: 1, max: 64 })), (sent, cuts) => {
      const bytes = Buffer.concat(sent.map(framed));
      const reader = new FrameReader(300);
      const received: Uint8Array[] = [];
      for (let at = 0; at < bytes.length;) {
        const next = at + cuts.next().value!;
        received.push(...reader.read(bytes.subarray(at, next)));
        at = next;
      }
      expect(received.map((message) => [...message])).toEqual(sent.map((message) => [...message]));
      expect(reader.partial).toBe(false);
    }),
  );
});

test("a message over the limit is refused by its length, before its bytes come", () => {
  const reader = new FrameReader(10);
  expect(() => reader.read(framed(new Uint8Array(11)).subarray(0, 5))).toThrow(
    "RESOURCE_EXHAUSTED: a message of 11 bytes is over the limit of 10",
  );
});

test("a compressed message is refused", () => {
  const frame = framed(new Uint8Array(3));
  frame[0] = 1;
  expect(() => new FrameReader(10).read(frame)).toThrow("INTERNAL: a message is compressed");
});

test("a cut message is told", () => {
  const reader = new FrameReader(10);
  expect(reader.read(framed(new Uint8Array(3)).subarray(0, 7))).toEqual([]);
  expect(reader.partial).toBe(true);
});
