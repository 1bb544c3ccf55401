import type { Random } from "../runtime/random.ts";

/** A source of randomness that a seed replays (mulberry32). Not fit for secrets. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const number = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  return {
    number,
    fill(bytes) {
      for (let at = 0; at < bytes.length; at += 1) bytes[at] = Math.floor(number() * 256);
      return bytes;
    },
  };
}
