import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { registerConformance } from "@orbit/persistence-conformance";
import type { StoreDriver } from "@orbit/persistence/driver";
import { type ManualClock, manualClock } from "@orbit/persistence/testing";
import { afterAll, describe, it } from "vitest";

import { btree } from "../src/index.ts";

const path = mkdtempSync(join(tmpdir(), "orbit-btree-conformance-"));
const time = manualClock();
const open = (): StoreDriver => btree({ path }, { now: time.now });

const fence = open();
await fence.open();
afterAll(async () => {
  await fence.close();
  rmSync(path, { recursive: true });
});

/** Moved time waits for the disk: a write is answered after all that were under way before it. */
const clock: ManualClock = {
  ...time,
  async advance(ms) {
    await time.advance(ms);
    await fence.put("fence", new Uint8Array(1), "always");
  },
};

registerConformance({ describe, it }, { name: "btree", open, clock });
