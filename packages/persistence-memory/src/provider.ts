import { CONTRACT, type Provider } from "@orbit/persistence/driver";

import { memory } from "./driver.ts";
import { type MemoryOptions, memoryOptions } from "./options.ts";

/** How configuration reaches this package. */
export const provider: Provider<MemoryOptions> = {
  name: "memory",
  contract: CONTRACT,
  types: ["Memory"],
  schemes: ["memory"],
  options: memoryOptions,
  create: (options) => memory(options),
};
