/**
 * The few parts of protobuf's wire format that the envelope of batched commands needs. Commands and answers inside it
 * stay bytes: they are encoded once before they are queued, and decoded by whoever asked.
 * https://protobuf.dev/programming-guides/encoding
 */

const VARINT = 0;
const FIXED64 = 1;
const LENGTH = 2;
const FIXED32 = 5;

export function varintBytes(value: number): number {
  let bytes = 1;
  for (let left = value; left >= 0x80; left = Math.floor(left / 0x80)) bytes++;
  return bytes;
}

/** Writes a whole number up to 2^53 and gives the position after it. */
export function writeVarint(to: Uint8Array, at: number, value: number): number {
  let left = value;
  let position = at;
  while (left >= 0x80) {
    to[position++] = (left % 0x80) | 0x80;
    left = Math.floor(left / 0x80);
  }
  to[position++] = left;
  return position;
}

/** The tag of a field whose content has a length. */
export function lengthTag(field: number): number {
  return field * 8 + LENGTH;
}

export class WireError extends Error {
  override readonly name: string = "WireError";
}

/** Reads fields one after another, and skips what it is not asked for. */
export class WireReader {
  readonly bytes: Uint8Array;
  position: number;
  readonly #end: number;

  constructor(bytes: Uint8Array, start = 0, end: number = bytes.length) {
    this.bytes = bytes;
    this.position = start;
    this.#end = end;
  }

  get done(): boolean {
    return this.position >= this.#end;
  }

  /** Reads a varint; what is above 2^53 loses its low bits. */
  varint(): number {
    let value = 0;
    let scale = 1;
    for (let read = 0; read < 10; read++) {
      if (this.position >= this.#end) throw new WireError("a number is cut off");
      const byte = this.bytes[this.position++]!;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 0x80;
    }
    throw new WireError("a number is longer than ten bytes");
  }

  /** Reads the tag of a field. */
  tag(): { readonly field: number; readonly hasLength: boolean; readonly wire: number } {
    const tag = this.varint();
    const field = Math.floor(tag / 8);
    if (field === 0) throw new WireError("a field has the number 0");
    return { field, wire: tag % 8, hasLength: tag % 8 === LENGTH };
  }

  /** Reads the length of a field and gives a reader of its content, which is passed over. */
  content(): WireReader {
    const length = this.varint();
    const start = this.position;
    if (length > this.#end - start) throw new WireError("a field is cut off");
    this.position = start + length;
    return new WireReader(this.bytes, start, start + length);
  }

  /** Passes over the content of a field. */
  skip(wire: number): void {
    if (wire === VARINT) this.varint();
    else if (wire === LENGTH) this.content();
    else if (wire === FIXED64) this.position += 8;
    else if (wire === FIXED32) this.position += 4;
    else throw new WireError(`a field has the wire type ${wire}`);
    if (this.position > this.#end) throw new WireError("a field is cut off");
  }

  /** Gives what is left, as a view. */
  rest(): Uint8Array {
    return this.bytes.subarray(this.position, this.#end);
  }
}
