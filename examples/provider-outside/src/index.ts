export { files, provider } from "./driver.ts";
export type { FilesOptions } from "./options.ts";
