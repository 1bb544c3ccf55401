// Writes five times, and prints each acknowledgement: acknowledge.ts PATH.
import { writeSync } from "node:fs";

import { btree } from "../../src/index.ts";

const driver = btree({ path: process.argv[2] ?? "" });
await driver.open();
for (let count = 1; count <= 5; count += 1) {
  await driver.put(`key-${count}`, new Uint8Array(100), "absent");
  writeSync(1, `ack ${count}\n`);
}
await driver.close();
