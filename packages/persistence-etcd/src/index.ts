export { etcd, provider } from "./driver.ts";
export type { EtcdOptions } from "./options.ts";
