import { defineOptions, type OptionsSchema, text } from "@orbit/persistence/driver";

export interface RedisOptions {
  /** Host and port of the server. */
  readonly address: string;
}

export const options: OptionsSchema<RedisOptions> = defineOptions<RedisOptions>({
  address: text({ key: "address", doc: "Host and port of the server.", default: "localhost", url: "host" }),
});
