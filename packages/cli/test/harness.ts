import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { run } from "../src/index.ts";

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs the command in this process. */
export async function orbit(
  args: readonly string[],
  options: {
    readonly env?: Readonly<Record<string, string>>;
    readonly isTerminal?: boolean;
    readonly signal?: AbortSignal;
    readonly onOut?: (text: string) => void;
  } = {},
): Promise<Ran> {
  const { env = {}, isTerminal = false, signal = new AbortController().signal, onOut } = options;
  let [out, err] = ["", ""];
  const code = await run(args, {
    env,
    isTerminal,
    signal,
    out: (text) => {
      out += text;
      onOut?.(text);
    },
    err: (text) => (err += text),
  });
  return { code, out, err };
}

export interface Folder extends Disposable {
  readonly path: string;
}

export function folder(): Folder {
  const path = mkdtempSync(join(tmpdir(), "orbit-cli-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
}

export interface Process extends AsyncDisposable {
  readonly child: ChildProcess;
  readonly grpc: string;
  readonly admin: string;
  /** What it has written so far. */
  readonly said: () => string;
  /** Resolves with its exit code, or the name of the signal that ended it. */
  readonly ended: Promise<number | string | null>;
}

const main = join(import.meta.dirname, "..", "src", "main.ts");

/** Starts `orbit serve` in a process of its own, in a folder, and waits until it listens. */
export async function start(
  cwd: string,
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<Process> {
  const ports = ["--port", "0", "--admin-port", "0"];
  const child = spawn(process.execPath, [main, "serve", ...ports, ...args], {
    cwd,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  const listening = Promise.withResolvers<{ readonly grpc: string; readonly admin: string }>();
  const onText = (chunk: Buffer): void => {
    text += chunk.toString();
    const found = /"grpc":"([^"]+)","admin":"([^"]+)"/.exec(text);
    if (found !== null) listening.resolve({ grpc: found[1] ?? "", admin: found[2] ?? "" });
  };
  child.stdout.on("data", onText);
  child.stderr.on("data", onText);
  const ended = once(child, "exit").then(([code, signal]: (number | string | null)[]) => code ?? signal ?? null);
  void ended.then((code) => listening.reject(new Error(`orbit serve ended with ${code}:\n${text}`)));
  const { grpc, admin } = await listening.promise;
  return {
    child,
    grpc,
    admin,
    said: () => text,
    ended,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

/** Asks again and again until the answer is there, for at most fifteen seconds. */
export async function eventually<T>(ask: () => Promise<T | undefined>): Promise<T> {
  const deadline = performance.now() + 15_000;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > deadline) throw new Error("it did not happen within fifteen seconds");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
