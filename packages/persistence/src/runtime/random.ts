import { randomFillSync } from "node:crypto";

/** Randomness as a parameter, so that a seed replays a run. */
export interface Random {
  /** Fills `bytes` with random bytes fit for secrets. */
  fill(bytes: Uint8Array): Uint8Array;
  /** A number in [0, 1), for jitter. */
  number(): number;
}

export const systemRandom: Random = {
  fill: (bytes) => randomFillSync(bytes),
  number: () => Math.random(),
};

/** Returns `length` random bytes as lower-case hex. */
export function randomHex(random: Random, length: number): string {
  return Buffer.from(random.fill(new Uint8Array(length))).toString("hex");
}
