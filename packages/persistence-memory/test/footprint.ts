// Prints how many bytes of heap and array buffers an entry costs beyond its key and value, for as many entries as asked
// for. Run with --expose-gc.
import { memory } from "../src/index.ts";

const entries = Number(process.argv[2] ?? "1000000");
const VALUE_BYTES = 220;

function used(): number {
  for (let round = 0; round < 4; round += 1) globalThis.gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

const driver = memory({ maxEntries: entries });
await driver.open();
const before = used();
let keyBytes = 0;
for (let at = 0; at < entries; at += 1) {
  // In no order, as actors come.
  const key = `orbit-lease-actor-${(Math.imul(at, 2_654_435_761) >>> 0).toString(16)}-${at.toString(36)}`;
  keyBytes += key.length;
  await driver.put(key, Buffer.alloc(VALUE_BYTES, at), "absent");
}
process.stdout.write(`${((used() - before - keyBytes) / entries - VALUE_BYTES).toFixed(1)}\n`);
await driver.close();
