/**
 * How a value lies in memory. Up to 1 KiB it is a string of one byte a character: that costs 16 bytes beside the bytes
 * themselves, where a Uint8Array of its own costs over 180, and no caller can change it. Longer values are buffers, which
 * do not count against the limit of the JavaScript heap.
 */
export type Packed = string | Uint8Array;

const MAX_STRING_BYTES = 1024;

/** Copies a value in. */
export function pack(value: Uint8Array): Packed {
  if (value.length > MAX_STRING_BYTES) return new Uint8Array(value);
  const bytes = value instanceof Buffer ? value : Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  return bytes.toString("latin1");
}

/** Copies a value out. */
export function unpack(value: Packed): Uint8Array {
  return typeof value === "string" ? Buffer.from(value, "latin1") : Buffer.from(value);
}

/** Writes a value at `offset`; it must fit. */
export function writePacked(target: Buffer, value: Packed, offset: number): void {
  if (typeof value === "string") target.write(value, offset, "latin1");
  else target.set(value, offset);
}
