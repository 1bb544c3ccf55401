// Run as a process of its own by process.test.ts, which kills it.
import { memory } from "../src/index.ts";

const [path = "", job = ""] = process.argv.slice(2);
const driver = memory({ diskBackup: { path, syncIntervalMs: 100, compression: "Zstd" } });
const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

try {
  await driver.open();
} catch (error) {
  say(String(error));
  process.exit(3);
}
say(`open ${process.pid}`);
// Keeps the process running: a store by itself does not.
setInterval(() => undefined, 1000);
if (job === "fences") for (;;) say(String(await driver.nextFence?.(0n)));
if (job === "write") {
  for (let at = 0; ; at += 1) {
    // Two keys that always change together.
    const value = Buffer.from(String(at));
    await driver.commit?.(
      [],
      [
        { type: "put", key: "a", value, when: "always" },
        { type: "put", key: "b", value, when: "always" },
      ],
    );
    await driver.put(`k${at % 1000}`, Buffer.alloc(500, at), "always");
    if (at % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
}
