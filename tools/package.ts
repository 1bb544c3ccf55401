// Packs a package as it would be published and checks the tarball: complete, and usable from ES modules.
// Runs in the package's folder.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { publint } from "publint";
import { formatMessage } from "publint/utils";

import { must } from "./lib/run.ts";
import { pnpm } from "./lib/workspace.ts";

const folder = process.cwd();
const out = mkdtempSync(join(tmpdir(), "orbit-package-"));
try {
  await must("npx", [...pnpm, "pack", "--pack-destination", out], { cwd: folder });
  const [name] = readdirSync(out);
  if (name === undefined) throw new Error("pnpm pack left no tarball.");
  const tarball = readFileSync(join(out, name));
  const { messages, pkg } = await publint({
    pack: { tarball: new Uint8Array(tarball).buffer },
    level: "warning",
    strict: true,
  });
  for (const message of messages) process.stderr.write(`publint: ${formatMessage(message, pkg)}\n`);
  if (messages.length > 0) process.exitCode = 1;
  await must("attw", [join(out, name), "--profile", "esm-only", "--no-emoji"]);
} catch (cause) {
  process.stderr.write(`${cause instanceof Error ? cause.message : String(cause)}\n`);
  process.exitCode = 1;
} finally {
  rmSync(out, { recursive: true });
}
