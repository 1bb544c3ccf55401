// Opens the directory given, writes until it is killed, and prints each key once its write is acknowledged.
import { files } from "../src/index.ts";

const [path = ""] = process.argv.slice(2);
const driver = files({ path });
await driver.open();
for (let at = 0; ; at += 1) {
  const key = `k${String(at).padStart(6, "0")}`;
  await driver.put(key, Buffer.alloc(4096, at % 256), "absent");
  process.stdout.write(`${key}\n`);
}
