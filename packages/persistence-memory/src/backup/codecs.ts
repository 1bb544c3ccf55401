import { type Coder, CODERS } from "@orbit/persistence/driver";

/** How backups may be compressed. Their places in this list stand in backup files. */
export const COMPRESSIONS = ["None", "Gzip", "Lz4", "Zstd"] as const;

export type Compression = (typeof COMPRESSIONS)[number];

const BY_COMPRESSION: Readonly<Record<Compression, Coder>> = {
  None: { compress: async (bytes) => bytes, expand: async (bytes) => bytes },
  Gzip: CODERS.gzip,
  Lz4: CODERS.lz4,
  Zstd: CODERS.zstd,
};

export function coderOf(compression: Compression): Coder {
  return BY_COMPRESSION[compression];
}
