import { bytes, defineOptions, type OptionsSchema, path } from "@orbit/persistence/driver";

export interface BtreeOptions {
  /** The data directory. It is made where it is missing; a relative path starts at the working directory. */
  readonly path: string;
  /** The size of the memory map, in bytes. Entries may take half of it. */
  readonly mapSize: number;
}

const MiB = 1024 * 1024;

export const btreeOptions: OptionsSchema<BtreeOptions> = defineOptions<BtreeOptions>({
  path: path({
    key: "path",
    required: true,
    url: "path",
    doc: "The data directory; it is made where it is missing.",
  }),
  mapSize: bytes({
    key: "map_size",
    default: 16 * 1024 * MiB,
    min: MiB,
    max: 8 * 1024 * 1024 * MiB,
    doc: "Address space for the data file, which takes no memory; entries may take half of it.",
  }),
});
