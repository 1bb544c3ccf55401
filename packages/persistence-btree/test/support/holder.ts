// Opens a directory, says so or why not, and holds it until its input ends.
import { StoreError } from "@orbit/persistence/driver";

import { btree } from "../../src/index.ts";

const driver = btree({ path: process.argv[2] ?? "" });
try {
  await driver.open();
  await driver.put(`held by ${process.pid}`, new Uint8Array(1), "always");
  process.stdout.write(`open\n`);
  for await (const _ of process.stdin);
  await driver.close();
  process.stdout.write("closed\n");
} catch (error) {
  if (!StoreError.is(error)) throw error;
  process.stdout.write(`${error.code} ${error.reason}\n`);
}
