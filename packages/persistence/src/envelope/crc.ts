import { crc32 } from "node:zlib";

/** Up to here the call into native code costs more than the loop. */
const SHORT_BYTES = 192;

/** Table 0 takes one byte into the CRC; table `k` takes a byte that `k` more bytes follow. */
const TABLES: readonly Int32Array[] = makeTables();
const [T0 = new Int32Array(), T1 = T0, T2 = T0, T3 = T0] = TABLES;

/** CRC-32 of `bytes` without those from 4 to 7, where an envelope keeps it. */
export function envelopeCrc(bytes: Buffer): number {
  const start = four(-1, bytes, 0);
  if (bytes.length > SHORT_BYTES) return crc32(bytes.subarray(8), ~start >>> 0);
  let crc = start;
  let at = 8;
  for (; at + 4 <= bytes.length; at += 4) crc = four(crc, bytes, at);
  for (; at < bytes.length; at += 1) crc = (crc >>> 8) ^ (T0[(crc ^ (bytes[at] ?? 0)) & 0xff] ?? 0);
  return ~crc >>> 0;
}

function four(before: number, bytes: Buffer, at: number): number {
  const crc =
    before ^
    ((bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24));
  return (T3[crc & 0xff] ?? 0) ^ (T2[(crc >>> 8) & 0xff] ?? 0) ^ (T1[(crc >>> 16) & 0xff] ?? 0) ^ (T0[crc >>> 24] ?? 0);
}

function makeTables(): Int32Array[] {
  const first = new Int32Array(256).map((_, byte) => {
    let crc = byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc & 1) === 0 ? crc >>> 1 : (crc >>> 1) ^ 0xedb88320;
    return crc;
  });
  const next = (table: Int32Array): Int32Array => table.map((crc) => (crc >>> 8) ^ (first[crc & 0xff] ?? 0));
  const second = next(first);
  const third = next(second);
  return [first, second, third, next(third)];
}
