import type { OptionsSchema } from "../config/schema.ts";
import type { StoreDriver } from "./driver.ts";

/** How configuration reaches a driver: a plugin exports one as `provider`. */
export interface Provider<Options extends object = object> {
  /** The short name, such as `redis`. */
  readonly name: string;
  /** The contract version it was written for: `1`. */
  readonly contract: number;
  /** Names it answers to as `type` in configuration files, such as `Redis`. */
  readonly types: readonly string[];
  /** URL schemes it answers to, such as `redis` and `rediss`. */
  readonly schemes: readonly string[];
  readonly options: OptionsSchema<Options>;
  /** Makes a driver that is not yet open. Starts nothing. */
  create(options: Options): StoreDriver;
}
