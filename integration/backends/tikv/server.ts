import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";

const READY_MS = 30_000;

/** How much of what a server printed is kept for an error, in characters. */
const KEPT = 10_000;

/** A server as a child process, which can be stopped, frozen and started again with the same arguments. */
export class Server {
  readonly #path: string;
  readonly #args: readonly string[];
  readonly #ready: string | undefined;
  #child: ChildProcess | undefined;
  #output = "";

  /** `ready` is what it prints once it serves; without it, starting does not wait. */
  constructor(path: string, args: readonly string[], ready?: string) {
    this.#path = path;
    this.#args = args;
    this.#ready = ready;
  }

  async start(): Promise<void> {
    const child = spawn(this.#path, this.#args, { stdio: ["ignore", "pipe", "pipe"] });
    this.#child = child;
    this.#output = "";
    const ready = Promise.withResolvers<void>();
    const note = (piece: Buffer | string): void => {
      this.#output = (this.#output + piece.toString()).slice(-KEPT);
      if (this.#ready !== undefined && this.#output.includes(this.#ready)) ready.resolve();
    };
    const fail = (): void => ready.reject(new Error(`${this.#path} did not start:\n${this.#output}`));
    child.stdout.on("data", note);
    child.stderr.on("data", note);
    child.on("error", (cause) => note(cause.message));
    child.once("close", fail);
    if (this.#ready === undefined) ready.resolve();
    const late = setTimeout(fail, READY_MS);
    try {
      await ready.promise;
    } finally {
      clearTimeout(late);
      child.off("close", fail);
    }
  }

  /** Sends it a signal and waits for its end; kills what has not stopped in time. */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    const child = this.#child;
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const closed = once(child, "close");
    child.kill(signal);
    const late = setTimeout(() => child.kill("SIGKILL"), READY_MS);
    await closed;
    clearTimeout(late);
  }

  async restart(signal?: NodeJS.Signals): Promise<void> {
    await this.stop(signal);
    await this.start();
  }

  /** Freezes it: it keeps its connections and answers nothing. */
  pause(): void {
    this.#child?.kill("SIGSTOP");
  }

  resume(): void {
    this.#child?.kill("SIGCONT");
  }
}
