// Damages copies of a database and opens them: open-damaged.ts PATH SEED RUNS. Prints what became of each run. A crash
// of LMDB ends the process, which the test sees.
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";

import { StoreError } from "@orbit/persistence/driver";
import { seededRandom } from "@orbit/persistence/testing";

import { btree } from "../../src/index.ts";

const [path = "", seed = "", runs = ""] = process.argv.slice(2);
const random = seededRandom(Number(seed));
const whole = readFileSync(join(path, "data.mdb"));

for (let run = 0; run < Number(runs); run += 1) {
  const copy = mkdtempSync(join(path, "copy-"));
  copyFileSync(join(path, "data.mdb"), join(copy, "data.mdb"));
  const content = Buffer.from(whole);
  // Whole pages of garbage or zeros, but for the first two, which say what the file is.
  const page = 2 + Math.floor(random.number() * (whole.length / 4096 - 2));
  const garbage = content.subarray(page * 4096, (page + 1 + Math.floor(random.number() * 3)) * 4096);
  if (random.number() < 0.5) random.fill(garbage);
  else garbage.fill(0);
  writeFileSync(join(copy, "data.mdb"), content);
  writeSync(1, `run ${run} page ${page} `);
  writeSync(1, `${await outcome(copy)}\n`);
  rmSync(copy, { recursive: true });
}

async function outcome(copy: string): Promise<string> {
  const driver = btree({ path: copy });
  try {
    await driver.open();
    const keys: string[] = [];
    for await (const entries of driver.scan({ prefix: "", keysOnly: true }))
      keys.push(...entries.map(({ key }) => key));
    for (const key of keys) await driver.get(key);
    await driver.put("new", new Uint8Array(5000), "always");
    return `read ${keys.length}`;
  } catch (error) {
    if (StoreError.is(error)) return error.code;
    throw error;
  } finally {
    await driver.close();
  }
}
