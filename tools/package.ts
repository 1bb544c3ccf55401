// Packs a package as it would be published and checks the tarball: complete, and usable from ES modules.
// Runs in the package's folder.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { publint } from "publint";
import { formatMessage } from "publint/utils";

import { must } from "./lib/run.ts";
import { pack } from "./lib/tarball.ts";

const out = mkdtempSync(join(tmpdir(), "orbit-package-"));
try {
  const tarball = await pack(process.cwd(), out);
  const bytes = new Uint8Array(readFileSync(tarball)).buffer;
  const { messages, pkg } = await publint({ pack: { tarball: bytes }, level: "warning", strict: true });
  for (const message of messages) process.stderr.write(`publint: ${formatMessage(message, pkg)}\n`);
  if (messages.length > 0) process.exitCode = 1;
  await must("attw", [tarball, "--profile", "esm-only", "--no-emoji", "--no-definitely-typed"]);
} catch (cause) {
  process.stderr.write(`${cause instanceof Error ? cause.message : String(cause)}\n`);
  process.exitCode = 1;
} finally {
  rmSync(out, { recursive: true });
}
