// A thread over the same directory as the test: answers requests by message.
import { parentPort, workerData } from "node:worker_threads";

import { btree } from "../../src/index.ts";

const port = parentPort;
if (port === null) throw new Error("expected to run as a thread");
const driver = btree({ path: String(workerData) });
await driver.open();

port.on("message", (request: { readonly do: string; readonly key: string; readonly times?: number }) => {
  void answer(request).then((result) => port.postMessage(result));
});
port.postMessage("open");

async function answer({ do: verb, key, times = 1 }: { do: string; key: string; times?: number }): Promise<unknown> {
  if (verb === "close") {
    await driver.close();
    return "closed";
  }
  if (verb === "get") return Buffer.from((await driver.get(key))?.value ?? []).toString();
  for (let done = 0; done < times;) {
    const entry = await driver.get(key);
    const next = Buffer.from(String(Number(Buffer.from(entry?.value ?? []).toString()) + 1));
    const won = await driver.put(key, next, entry === undefined ? "absent" : { version: entry.version });
    if (won.ok) done += 1;
  }
  return "done";
}
