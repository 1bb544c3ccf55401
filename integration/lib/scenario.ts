import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

/** One line of a client in another language: which step it is at, and what it saw there. */
export interface Line {
  readonly step: string;
  readonly [fact: string]: unknown;
}

export interface Given {
  /** What it reads from standard input. */
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs a program that tells what it sees in lines of JSON. Throws where it fails, after its last line. */
export async function* play(
  program: string,
  args: readonly string[],
  { input, env = {} }: Given = {},
): AsyncGenerator<Line, void, undefined> {
  const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: ["pipe", "pipe", "pipe"] });
  // A program that ends without reading tells why by its code.
  child.stdin.on("error", () => undefined);
  let complaint = "";
  child.stderr.on("data", (piece: Buffer) => (complaint += piece.toString()));
  child.stdin.end(input);
  try {
    for await (const line of createInterface({ input: child.stdout })) yield JSON.parse(line) as Line;
    await ended(child);
    if (child.exitCode !== 0) throw new Error(`${program} ${args.join(" ")} failed: ${complaint}`);
  } finally {
    child.kill();
  }
}

/** Collects the lines of a program by their steps. */
export async function steps(lines: AsyncIterable<Line>): Promise<ReadonlyMap<string, Line>> {
  return new Map((await Array.fromAsync(lines)).map((line) => [line.step, line]));
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
}
