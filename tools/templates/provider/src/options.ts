import { defineOptions, type OptionsSchema, text } from "@orbit/persistence/driver";

export interface ExampleDbOptions {
  /** Host and port of the server. */
  readonly address: string;
}

export const options: OptionsSchema<ExampleDbOptions> = defineOptions<ExampleDbOptions>({
  address: text({ key: "address", doc: "Host and port of the server.", default: "localhost", url: "host" }),
});
