import { randomFillSync } from "node:crypto";

/** Randomness as a parameter, so that a seed replays a run. */
export interface Random {
  /** Fills `bytes` with random bytes fit for secrets. */
  fill(bytes: Uint8Array): Uint8Array;
  /** A number in [0, 1), for jitter. */
  number(): number;
}

/** Drawn at once and given out bit by bit: a call of the system costs more than many ids do. */
const drawn = Buffer.alloc(4096);
let used = drawn.length;

/** Gives out bytes that were drawn before, each once; what was given out is wiped. */
function fillDrawn(bytes: Uint8Array): Uint8Array {
  if (bytes.length > drawn.length / 16) return randomFillSync(bytes);
  if (used + bytes.length > drawn.length) {
    randomFillSync(drawn);
    used = 0;
  }
  bytes.set(drawn.subarray(used, used + bytes.length));
  drawn.fill(0, used, used + bytes.length);
  used += bytes.length;
  return bytes;
}

export const systemRandom: Random = {
  fill: fillDrawn,
  number: () => Math.random(),
};

/** Returns `length` random bytes as lower-case hex. */
export function randomHex(random: Random, length: number): string {
  return Buffer.from(random.fill(new Uint8Array(length))).toString("hex");
}
