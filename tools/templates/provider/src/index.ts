export { exampleDb, provider } from "./driver.ts";
export type { ExampleDbOptions } from "./options.ts";
