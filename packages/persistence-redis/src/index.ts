export { redis, provider } from "./driver.ts";
export type { RedisOptions } from "./options.ts";
