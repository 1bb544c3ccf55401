export { btree, type BtreeRuntime, provider } from "./driver.ts";
export type { BtreeOptions } from "./options.ts";
