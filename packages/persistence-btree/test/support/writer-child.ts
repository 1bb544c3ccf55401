// Writes under load until it is killed, and prints each acknowledged write: writer-child.ts PATH ROUND.
import { writeSync } from "node:fs";

import type { StoreDriver } from "@orbit/persistence/driver";

import { btree } from "../../src/index.ts";

const [path = "", round = ""] = process.argv.slice(2);
const driver = btree({ path });
await driver.open();
if (driver.commit === undefined) throw new Error("btree has commit");
const commit: NonNullable<StoreDriver["commit"]> = driver.commit.bind(driver);
writeSync(1, "open\n");

/** Counts one key up, so that a lost write shows as a lower number. */
async function count(worker: number): Promise<never> {
  const key = `count-${worker}`;
  for (;;) {
    const entry = await driver.get(key);
    const next = entry === undefined ? 1 : Number(Buffer.from(entry.value).toString()) + 1;
    const value = Buffer.from(String(next));
    const answer = await driver.put(key, value, entry === undefined ? "absent" : { version: entry.version });
    if (!answer.ok) throw new Error(`the only writer of ${key} met a conflict`);
    writeSync(1, `${key} ${next}\n`);
  }
}

/** Commits the same number to three keys in different pages, so that half a commit shows. */
async function commitThree(worker: number): Promise<never> {
  for (let number = 1; ; number += 1) {
    const value = Buffer.from(`${round}.${number}`);
    const ops = ["a", "m", "z"].map((part) => {
      return { type: "put", key: `${part}-commit-${worker}`, value, when: "always" } as const;
    });
    const answer = await commit([], ops);
    if (!answer.ok) throw new Error("an unconditional commit met a conflict");
    writeSync(1, `commit-${worker} ${round}.${number}\n`);
  }
}

/** Creates and deletes, so that pages are freed and used again. */
async function churn(worker: number): Promise<never> {
  for (let number = 0; ; number += 1) {
    await driver.put(`churn-${worker}-${number}`, new Uint8Array(500 + ((number * 997) % 9000)), "always");
    if (number >= 50) await driver.delete(`churn-${worker}-${number - 50}`, "always");
  }
}

const workers = Array.from({ length: 8 }, (_, index) => index);
await Promise.all([...workers.map(count), ...workers.map(commitThree), ...workers.map(churn)]);
