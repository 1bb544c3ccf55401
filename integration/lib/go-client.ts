import { join } from "node:path";

import { run } from "../../tools/lib/run.ts";
import { type Given, type Line, play, steps } from "./scenario.ts";

const root = join(import.meta.dirname, "..", "..");
const source = join(root, "integration", "grpc-go");
const program = join(root, "node_modules", ".cache", "orbit", "grpc-go");

const MISSING_GO = `Go is missing: install Go 1.26 or later from https://go.dev/dl.`;

/** Builds the client in Go; the Go tool keeps what it has built. */
export async function buildGoClient(): Promise<void> {
  const { code, output } = await run("go", ["build", "-o", program, "."], { cwd: source, env: { CGO_ENABLED: "0" } });
  if (code === 127) throw new Error(MISSING_GO);
  if (code !== 0) throw new Error(`go build failed in integration/grpc-go:\n${output}`);
}

/** Runs a scenario of the client and gives its lines as they come. Throws where it fails, after its last line. */
export function goClient(scenario: string, address: string, given?: Given): AsyncGenerator<Line, void, undefined> {
  return play(program, [scenario, address], given);
}

/** Runs a scenario to its end and gives what was seen at each step. */
export function stepsOf(scenario: string, address: string, given?: Given): Promise<ReadonlyMap<string, Line>> {
  return steps(goClient(scenario, address, given));
}
