import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { expect, test } from "vitest";

import { HealthFeedbackSchema, RawGetRequestSchema, RawGetResponseSchema } from "../src/gen/kvrpcpb_pb.ts";
import {
  BatchCommandsRequestSchema,
  BatchCommandsResponse_ResponseSchema,
  BatchCommandsResponseSchema,
  Tikv,
} from "../src/gen/tikvpb_pb.ts";
import { FRAME_HEADER_BYTES } from "../src/grpc/frames.ts";
import { carrierOf } from "../src/store/carrier.ts";
import { batchFrame, readBatch } from "../src/store/envelope.ts";
import { WireError } from "../src/store/wire.ts";

const id = fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }));
const bytes = fc.uint8Array({ maxLength: 200 });
const RAW_GET = carrierOf(Tikv.method.rawGet).batched!;

test("protobuf reads the batches that are written by hand", () => {
  fc.assert(
    fc.property(fc.array(fc.record({ id, key: bytes, cf: fc.string() }), { minLength: 1, maxLength: 20 }), (asked) => {
      const frame = batchFrame(
        asked.map(({ id: number, key, cf }) => {
          const part = toBinary(RawGetRequestSchema, create(RawGetRequestSchema, { key }));
          const rest = toBinary(RawGetRequestSchema, create(RawGetRequestSchema, { cf }));
          return { id: number, field: RAW_GET, parts: [part, rest] };
        }),
      );
      expect(frame.readUInt32BE(1)).toBe(frame.length - FRAME_HEADER_BYTES);
      const batch = fromBinary(BatchCommandsRequestSchema, new Uint8Array(frame).subarray(FRAME_HEADER_BYTES));
      expect(batch.requestIds).toEqual(asked.map((each) => BigInt(each.id)));
      expect(batch.requests.map(({ cmd }) => cmd)).toMatchObject(
        asked.map(({ key, cf }) => ({ case: "RawGet", value: { key, cf } })),
      );
    }),
  );
});

const answer = fc.record({ id, value: bytes });
const answered = (answers: readonly { readonly id: number; readonly value: Uint8Array }[]): Uint8Array =>
  toBinary(
    BatchCommandsResponseSchema,
    create(BatchCommandsResponseSchema, {
      responses: answers.map(({ value }) =>
        create(BatchCommandsResponse_ResponseSchema, {
          cmd: { case: "RawGet", value: create(RawGetResponseSchema, { value }) },
        }),
      ),
      requestIds: answers.map((each) => BigInt(each.id)),
      transportLayerLoad: 120n,
      healthFeedback: create(HealthFeedbackSchema, { storeId: 1n, slowScore: 1 }),
    }),
  );

test("answers that protobuf wrote are read by hand", () => {
  fc.assert(
    fc.property(fc.array(answer, { maxLength: 20 }), (given) => {
      const read = readBatch(answered(given)).map((each) => {
        expect(each.field).toBe(RAW_GET);
        return { id: each.id, value: fromBinary(RawGetResponseSchema, each.message).value };
      });
      expect(read).toEqual(given);
    }),
  );
});

test("fields that are not known are passed over, whatever their kind", () => {
  // Field 99 as a number, as eight bytes, as four bytes and as bytes with a length.
  const unknown = Buffer.from("98068e02" + "99060102030405060708" + "9d0601020304" + "9a0603616263", "hex");
  const known = answered([{ id: 5, value: Buffer.from("x") }]);
  expect(readBatch(Buffer.concat([unknown, known]))).toMatchObject([{ id: 5, field: RAW_GET }]);
});

test("an answer to a command that the server does not know has no field", () => {
  expect(readBatch(Buffer.from("0a00" + "120107", "hex"))).toEqual([
    { id: 7, field: undefined, message: new Uint8Array(0) },
  ]);
});

test("answers without ids are refused", () => {
  expect(() => readBatch(Buffer.from("0a00", "hex"))).toThrow("1 answers carry 0 ids");
});

test("damaged bytes give answers or a WireError, and nothing else", () => {
  const damaged = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    fc
      .tuple(fc.array(answer, { minLength: 1, maxLength: 4 }), fc.nat(), fc.integer({ min: 0, max: 255 }))
      .map(([given, at, byte]) => {
        const whole = answered(given).slice();
        whole[at % whole.length] = byte;
        return whole;
      }),
    fc.tuple(fc.array(answer, { minLength: 1, maxLength: 4 }), fc.nat()).map(([given, at]) => {
      const whole = answered(given);
      return whole.subarray(0, at % whole.length);
    }),
  );
  fc.assert(
    fc.property(damaged, (input) => {
      try {
        readBatch(input);
      } catch (error) {
        expect(error).toBeInstanceOf(WireError);
      }
    }),
    { numRuns: 2_000 },
  );
});
