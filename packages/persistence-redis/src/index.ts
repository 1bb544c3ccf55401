export { provider, redis, type RedisRuntime } from "./driver.ts";
export type { RedisOptions } from "./options.ts";
