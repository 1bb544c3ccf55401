import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

import { expect, test } from "vitest";

const client = join(import.meta.dirname, "..", "src", "index.ts");

test("a process that only waits for PD lives until it is told that none answers", { timeout: 30_000 }, async () => {
  // Port 1 of the loopback refuses at once, so that all that is left is the pause between two tries.
  const program = `
    import { TikvClient } from ${JSON.stringify(client)};
    try {
      await TikvClient.open({ endpoints: ["127.0.0.1:1"], timeoutMs: 1_000 });
    } catch (error) {
      console.log(error.code);
    }`;
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", program]);
  expect(stdout.trim()).toMatch(/^(UNAVAILABLE|TIMEOUT)$/);
});
