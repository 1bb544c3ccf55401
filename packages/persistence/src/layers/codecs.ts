import { promisify } from "node:util";
import { gunzip, gzip, zstdCompress, zstdDecompress } from "node:zlib";

import type * as lz4 from "lz4-napi";

import { StoreError } from "../contract/error.ts";
import type { Codec } from "../envelope/envelope.ts";

/** Compresses bytes, and restores them. */
export interface Coder {
  compress(body: Uint8Array): Promise<Uint8Array>;
  /** Throws `CORRUPT` on damage and on what would expand to more than `maxBytes`. */
  expand(body: Uint8Array, maxBytes: number): Promise<Uint8Array>;
}

/** All work is done off the event loop: a long value must not hold up a lease. */
export const CODERS: Readonly<Record<Exclude<Codec, "none">, Coder>> = {
  gzip: {
    compress: promisify(gzip),
    expand: (body, maxBytes) =>
      expanded("gzip", maxBytes, () => promisify(gunzip)(body, { maxOutputLength: maxBytes })),
  },
  lz4: {
    compress: async (body) => (await loadLz4()).compress(body),
    async expand(body, maxBytes) {
      const { uncompress } = await loadLz4();
      return expanded("lz4", maxBytes, async () => {
        // The length of the whole stands first, and the library takes no more than that.
        const length = Buffer.from(body.buffer, body.byteOffset, body.byteLength).readUInt32LE(0);
        if (length > maxBytes) throw new RangeError(`${length} bytes`);
        return uncompress(body);
      });
    },
  },
  zstd: {
    compress: promisify(zstdCompress),
    expand: (body, maxBytes) =>
      expanded("zstd", maxBytes, () => promisify(zstdDecompress)(body, { maxOutputLength: maxBytes })),
  },
};

async function expanded(codec: Codec, maxBytes: number, work: () => Promise<Uint8Array>): Promise<Uint8Array> {
  try {
    return await work();
  } catch (cause) {
    const reason = `stored value: expected ${codec} data of at most ${maxBytes} bytes`;
    throw new StoreError("CORRUPT", reason, { cause });
  }
}

async function loadLz4(): Promise<typeof lz4> {
  try {
    return await import("lz4-napi");
  } catch (cause) {
    const reason = "the codec lz4 needs the package lz4-napi: run `npm install lz4-napi`";
    throw new StoreError("UNSUPPORTED", reason, { cause });
  }
}
