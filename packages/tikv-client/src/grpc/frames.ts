import { GrpcCode, RpcError } from "./status.ts";

/** A message stands behind one byte of flags and four of length, big-endian. */
export const FRAME_HEADER_BYTES = 5;

/** Puts the header in front of a message; `frame` has room for it. */
export function writeFrameHeader(frame: Buffer): void {
  frame[0] = 0;
  frame.writeUInt32BE(frame.length - FRAME_HEADER_BYTES, 1);
}

/** Frames one message. */
export function framed(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(FRAME_HEADER_BYTES + message.length);
  writeFrameHeader(frame);
  frame.set(message, FRAME_HEADER_BYTES);
  return frame;
}

/** Cuts messages out of a stream of bytes that comes in pieces of any size. */
export class FrameReader {
  readonly #maxBytes: number;
  #pieces: Buffer[] = [];
  #held = 0;
  /** Bytes until the next cut can be made. */
  #wanted = FRAME_HEADER_BYTES;

  /** Refuses messages above `maxBytes`, before they are held. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Whether bytes of an unfinished message are held. */
  get partial(): boolean {
    return this.#held > 0;
  }

  /** Takes a piece and gives the messages that are now whole: views into it where it held them whole. */
  read(piece: Buffer): Uint8Array[] {
    this.#pieces.push(piece);
    this.#held += piece.length;
    if (this.#held < this.#wanted) return [];
    const bytes = this.#pieces.length === 1 ? piece : Buffer.concat(this.#pieces, this.#held);
    const messages: Uint8Array[] = [];
    let at = 0;
    for (;;) {
      const left = bytes.length - at;
      this.#wanted = left < FRAME_HEADER_BYTES ? FRAME_HEADER_BYTES : FRAME_HEADER_BYTES + this.#length(bytes, at);
      if (left < this.#wanted) break;
      messages.push(view(bytes, at + FRAME_HEADER_BYTES, at + this.#wanted));
      at += this.#wanted;
    }
    this.#pieces = at === bytes.length ? [] : [bytes.subarray(at)];
    this.#held = bytes.length - at;
    return messages;
  }

  #length(bytes: Buffer, at: number): number {
    if (bytes[at] !== 0) {
      throw new RpcError(GrpcCode.INTERNAL, "a message is compressed, though no compression was offered", {
        sent: true,
      });
    }
    const length = bytes.readUInt32BE(at + 1);
    if (length > this.#maxBytes) {
      const reason = `a message of ${length} bytes is over the limit of ${this.#maxBytes}`;
      throw new RpcError(GrpcCode.RESOURCE_EXHAUSTED, reason, { sent: true });
    }
    return length;
  }
}

/** Not a Buffer: what users get must be copied by its `slice`. */
function view(bytes: Buffer, start: number, end: number): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start);
}
