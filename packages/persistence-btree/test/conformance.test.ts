import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { registerConformance } from "@orbit/persistence-conformance";
import { manualClock } from "@orbit/persistence/testing";
import { afterAll, describe, it } from "vitest";

import { btree } from "../src/index.ts";

const path = mkdtempSync(join(tmpdir(), "orbit-btree-conformance-"));
afterAll(() => rmSync(path, { recursive: true }));

const clock = manualClock();
registerConformance({ describe, it }, { name: "btree", open: () => btree({ path }, { now: clock.now }), clock });
