import { join } from "node:path";

import { run } from "../../../tools/lib/run.ts";
import { root } from "../../../tools/lib/workspace.ts";

const built = join(root, "node_modules", ".cache", "orbit", "tikv");

const MISSING_GO = "Go is missing: install Go 1.26 or later from https://go.dev/dl.";

/** Builds a program in Go without C, and gives its path. The Go tool keeps what it has built. */
export async function goProgram(name: string, folder: string, args: readonly string[]): Promise<string> {
  const program = join(built, name);
  const build = ["build", "-trimpath", "-ldflags", "-s -w", "-o", program, ...args];
  const { code, output } = await run("go", build, { cwd: folder, env: { CGO_ENABLED: "0" } });
  if (code === 127) throw new Error(MISSING_GO);
  if (code !== 0) throw new Error(`go build failed in ${folder}:\n${output}`);
  return program;
}

/** Builds PD as its authors publish it, without the dashboard. */
export function buildPd(): Promise<string> {
  const tags = ["-tags", "without_dashboard", "github.com/tikv/pd/cmd/pd-server"];
  return goProgram("pd-server", join(import.meta.dirname, "pd"), tags);
}

/** Builds PingCAP's store behind our routing and faults. */
export function buildStore(): Promise<string> {
  return goProgram("store", join(import.meta.dirname, "store"), ["."]);
}
