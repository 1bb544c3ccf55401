import { BatchCommandsRequestSchema, BatchCommandsResponseSchema } from "../gen/tikvpb_pb.ts";
import { FRAME_HEADER_BYTES, writeFrameHeader } from "../grpc/frames.ts";
import { lengthTag, varintBytes, WireError, WireReader, writeVarint } from "./wire.ts";

/** A command that waits to be sent: the parts of its message are written one after another. */
export interface Batched {
  readonly id: number;
  /** The number of the command's field in the envelope. */
  readonly field: number;
  readonly parts: readonly Uint8Array[];
}

/** An answer; without a message when the server did not know the command. */
export interface BatchedAnswer {
  readonly id: number;
  readonly field: number | undefined;
  readonly message: Uint8Array;
}

const requestsField = BatchCommandsRequestSchema.field.requests.number;
const requestIdsField = BatchCommandsRequestSchema.field.requestIds.number;
const responsesField = BatchCommandsResponseSchema.field.responses.number;
const responseIdsField = BatchCommandsResponseSchema.field.requestIds.number;
const nothing = new Uint8Array(0);

/** Writes one frame with all commands. */
export function batchFrame(commands: readonly Batched[]): Buffer {
  let idBytes = 0;
  let total = FRAME_HEADER_BYTES;
  const sizes = commands.map(({ id, field, parts }) => {
    idBytes += varintBytes(id);
    const message = parts.reduce((sum, part) => sum + part.length, 0);
    const request = varintBytes(lengthTag(field)) + varintBytes(message) + message;
    total += 1 + varintBytes(request) + request;
    return { message, request };
  });
  total += 1 + varintBytes(idBytes) + idBytes;
  const frame = Buffer.allocUnsafe(total);
  writeFrameHeader(frame);
  let at = FRAME_HEADER_BYTES;
  for (const [index, { field, parts }] of commands.entries()) {
    const { message, request } = sizes[index]!;
    frame[at++] = lengthTag(requestsField);
    at = writeVarint(frame, at, request);
    at = writeVarint(frame, at, lengthTag(field));
    at = writeVarint(frame, at, message);
    for (const part of parts) {
      frame.set(part, at);
      at += part.length;
    }
  }
  frame[at++] = lengthTag(requestIdsField);
  at = writeVarint(frame, at, idBytes);
  for (const { id } of commands) at = writeVarint(frame, at, id);
  return frame;
}

/** Reads the answers of one message. Fields it does not know are passed over. Throws a WireError. */
export function readBatch(bytes: Uint8Array): BatchedAnswer[] {
  const reader = new WireReader(bytes);
  const answers: WireReader[] = [];
  const ids: number[] = [];
  while (!reader.done) {
    const { field, wire, hasLength } = reader.tag();
    if (field === responsesField && hasLength) answers.push(reader.content());
    else if (field === responseIdsField && hasLength) {
      const packed = reader.content();
      while (!packed.done) ids.push(packed.varint());
    } else if (field === responseIdsField && wire === 0) ids.push(reader.varint());
    else reader.skip(wire);
  }
  if (ids.length !== answers.length) throw new WireError(`${answers.length} answers carry ${ids.length} ids`);
  return answers.map((answer, index) => ({ id: ids[index]!, ...answerOf(answer) }));
}

function answerOf(reader: WireReader): { readonly field: number | undefined; readonly message: Uint8Array } {
  while (!reader.done) {
    const { field, wire, hasLength } = reader.tag();
    if (hasLength) return { field, message: reader.content().rest() };
    reader.skip(wire);
  }
  return { field: undefined, message: nothing };
}
