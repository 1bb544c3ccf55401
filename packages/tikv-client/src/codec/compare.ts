/** Compares keys as TiKV does: byte by byte, unsigned; a prefix comes first. */
export function compareKeys(a: Uint8Array, b: Uint8Array): number {
  return Buffer.compare(a, b);
}

/** Compares ends of ranges, where an empty one means no end. */
export function compareEnds(a: Uint8Array, b: Uint8Array): number {
  if (a.length === 0) return b.length === 0 ? 0 : 1;
  return b.length === 0 ? -1 : Buffer.compare(a, b);
}
