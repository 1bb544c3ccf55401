import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { registerConformance } from "@orbit/persistence-conformance";
import { afterAll, describe, it } from "vitest";

import { files } from "../src/index.ts";

const path = mkdtempSync(join(tmpdir(), "acme-orbit-files-"));
afterAll(() => rmSync(path, { recursive: true }));

registerConformance(
  { describe, it },
  // Every write is flushed: fewer rounds than a process in memory would take.
  { name: "files", open: () => files({ path }), layers: ["retry", "encrypt"], scale: 0.25 },
);
