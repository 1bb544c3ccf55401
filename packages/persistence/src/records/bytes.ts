import { StoreError } from "../contract/error.ts";

/** Builds a record body: strings and lists behind their length, integers as varints. */
export class ByteWriter {
  #parts: Buffer[] = [];

  /** Writes a non-negative safe integer. */
  integer(value: number): this {
    const bytes: number[] = [];
    let rest = value;
    while (rest >= 0x80) {
      bytes.push((rest % 0x80) | 0x80);
      rest = Math.floor(rest / 0x80);
    }
    bytes.push(rest);
    this.#parts.push(Buffer.from(bytes));
    return this;
  }

  text(value: string): this {
    const bytes = Buffer.from(value, "utf8");
    this.integer(bytes.length);
    this.#parts.push(bytes);
    return this;
  }

  /** Writes a 128-bit id given as 32 hexadecimal digits. */
  id(hex: string): this {
    this.#parts.push(Buffer.from(hex, "hex"));
    return this;
  }

  list<T>(items: readonly T[], write: (item: T) => void): this {
    this.integer(items.length);
    items.forEach(write);
    return this;
  }

  finish(): Buffer {
    return Buffer.concat(this.#parts);
  }
}

/** Reads what {@link ByteWriter} built. Throws `CORRUPT` where the bytes end too early. */
export class ByteReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  integer(): number {
    let value = 0;
    for (let scale = 1; scale <= Number.MAX_SAFE_INTEGER; scale *= 0x80) {
      const byte = this.#take(1)[0] ?? 0;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
    throw new StoreError("CORRUPT", "stored record: an integer is too long");
  }

  text(): string {
    return this.#take(this.integer()).toString("utf8");
  }

  id(): string {
    return this.#take(16).toString("hex");
  }

  list<T>(read: () => T): T[] {
    const items: T[] = [];
    for (let left = this.integer(); left > 0; left -= 1) items.push(read());
    return items;
  }

  #take(length: number): Buffer {
    if (this.#at + length > this.#bytes.length) throw new StoreError("CORRUPT", "stored record: cut short");
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }
}
