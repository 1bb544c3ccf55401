import { defineOptions, type OptionsSchema, text } from "@orbit/persistence/driver";

export interface EtcdOptions {
  /** Host and port of the server. */
  readonly address: string;
}

export const options: OptionsSchema<EtcdOptions> = defineOptions<EtcdOptions>({
  address: text({ key: "address", doc: "Host and port of the server.", default: "localhost", url: "host" }),
});
