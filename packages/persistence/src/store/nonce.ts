import type { Random } from "../runtime/random.ts";

/** Returns a source of 16-byte nonces: a random 8-byte prefix drawn once, and a counter. */
export function nonceSource(random: Random): () => Uint8Array {
  const prefix = random.fill(new Uint8Array(8));
  let high = 0;
  let low = 0;
  return () => {
    low = (low + 1) >>> 0;
    if (low === 0) high = (high + 1) >>> 0;
    const nonce = Buffer.allocUnsafe(16);
    nonce.set(prefix);
    nonce.writeUInt32BE(high, 8);
    nonce.writeUInt32BE(low, 12);
    return nonce;
  };
}
