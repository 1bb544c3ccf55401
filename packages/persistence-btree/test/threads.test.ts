import { once } from "node:events";
import { join } from "node:path";
import { Worker } from "node:worker_threads";

import { expect, onTestFinished, test } from "vitest";

import { bytes, childOfTest, openBtree, tempDirectory, text } from "./support/open.ts";

interface Thread {
  ask(request: object): Promise<unknown>;
}

async function startThread(path: string): Promise<Thread> {
  const worker = new Worker(join(import.meta.dirname, "support/thread.ts"), { workerData: path });
  onTestFinished(async () => void (await worker.terminate()));
  expect(await once(worker, "message")).toEqual(["open"]);
  return {
    ask: async (request) => {
      worker.postMessage(request);
      const [answer]: unknown[] = await once(worker, "message");
      return answer;
    },
  };
}

test("guarded increments of several threads sum exactly, and read one clock", async () => {
  const path = tempDirectory();
  const driver = await openBtree(path);
  const threads = await Promise.all([startThread(path), startThread(path)]);
  await Promise.all(threads.map((thread) => thread.ask({ do: "increment", key: "counter", times: 200 })));
  const entry = await driver.get("counter");
  expect(text(entry?.value)).toBe("400");
  expect(entry?.ageMs).toBeLessThan(5000);
});

test("a read that starts after another thread's write was acknowledged sees it", async () => {
  const path = tempDirectory();
  const driver = await openBtree(path);
  const thread = await startThread(path);
  for (let round = 1; round <= 500; round += 1) {
    await driver.get("k");
    await thread.ask({ do: "increment", key: "k" });
    expect(text((await driver.get("k"))?.value)).toBe(String(round));
  }
  for (let round = 501; round <= 1000; round += 1) {
    await thread.ask({ do: "get", key: "k" });
    await driver.put("k", bytes(String(round)), "always");
    expect(await thread.ask({ do: "get", key: "k" })).toBe(String(round));
  }
});

test("the directory is held until the last thread gives it up", async () => {
  const path = tempDirectory();
  const driver = await openBtree(path);
  const thread = await startThread(path);
  await driver.close();
  const refused = await childOfTest("holder.ts", [path]).line();
  expect(refused).toContain(`is open in process ${process.pid}`);
  expect(await thread.ask({ do: "increment", key: "k" })).toBe("done");
  expect(await thread.ask({ do: "close", key: "" })).toBe("closed");
  expect(await childOfTest("holder.ts", [path]).line()).toBe("open");
});
