import { defineOptions, type OptionsSchema, path } from "@orbit/persistence/driver";

export interface FilesOptions {
  /** The directory of the records. It is made where it is missing. */
  readonly path: string;
}

export const filesOptions: OptionsSchema<FilesOptions> = defineOptions<FilesOptions>({
  path: path({
    key: "path",
    required: true,
    url: "path",
    doc: "The directory of the records; it is made where it is missing.",
  }),
});
