import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";

export interface Child {
  readonly process: ChildProcess;
  readonly pid: number;
  /** Resolves with the next line that it prints; `undefined` at its end. */
  line(): Promise<string | undefined>;
  /** What it wrote to stderr so far. */
  errors(): string;
  kill(signal: NodeJS.Signals): Promise<void>;
}

/** Starts a script of this folder in a process of its own. */
export function startChild(script: string, args: readonly string[], options: { uid?: number } = {}): Child {
  const child = spawn(process.execPath, [join(import.meta.dirname, script), ...args], {
    stdio: ["pipe", "pipe", "pipe"],
    ...options,
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  let errors = "";
  child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
  const exited = once(child, "exit");
  return {
    process: child,
    pid: child.pid ?? 0,
    line: async () => {
      const step = await lines.next();
      return step.done === true ? undefined : step.value;
    },
    errors: () => errors,
    kill: async (signal) => {
      child.kill(signal);
      await exited;
    },
  };
}
