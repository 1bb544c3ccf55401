import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { run } from "../../tools/lib/run.ts";

const root = join(import.meta.dirname, "..", "..");
const source = join(root, "integration", "grpc-go");
const program = join(root, "node_modules", ".cache", "orbit", "grpc-go");

const MISSING_GO = `Go is missing: install Go 1.26 or later from https://go.dev/dl.`;

/** One line of the program: which step it is at, and what it saw there. */
export interface Line {
  readonly step: string;
  readonly [fact: string]: unknown;
}

/** Builds the client in Go; the Go tool keeps what it has built. */
export async function buildGoClient(): Promise<void> {
  const { code, output } = await run("go", ["build", "-o", program, "."], { cwd: source, env: { CGO_ENABLED: "0" } });
  if (code === 127) throw new Error(MISSING_GO);
  if (code !== 0) throw new Error(`go build failed in integration/grpc-go:\n${output}`);
}

export interface Given {
  /** What it reads from standard input. */
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs a scenario of the client and gives its lines as they come. Throws where it fails, after its last line. */
export async function* goClient(
  scenario: string,
  address: string,
  { input = "", env = {} }: Given = {},
): AsyncGenerator<Line, void, undefined> {
  const child = spawn(program, [scenario, address], {
    env: { ...process.env, ...env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  let complaint = "";
  child.stderr.on("data", (piece: Buffer) => (complaint += piece.toString()));
  child.stdin.end(input);
  try {
    for await (const line of createInterface({ input: child.stdout })) yield JSON.parse(line) as Line;
    await ended(child);
    if (child.exitCode !== 0) throw new Error(`${scenario} of the Go client failed: ${complaint}`);
  } finally {
    child.kill();
  }
}

/** Runs a scenario to its end and gives what was seen at each step. */
export async function stepsOf(scenario: string, address: string, given?: Given): Promise<ReadonlyMap<string, Line>> {
  const lines = await Array.fromAsync(goClient(scenario, address, given));
  return new Map(lines.map((line) => [line.step, line]));
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
}
