import { type ChildProcessByStdio, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";

import { goProgram } from "../backends/tikv/programs.ts";

export interface Pair {
  readonly key: Uint8Array;
  /** Empty where the key is absent, or is to be deleted. */
  readonly value: Uint8Array;
}

export type CommitMode = "2pc" | "async" | "1pc";

interface Answer {
  readonly id: number;
  readonly error?: string;
  readonly pairs?: readonly { readonly key: string; readonly value: string }[];
  readonly swapped?: boolean;
  readonly ttl?: number;
  readonly committed?: string;
}

/** PingCAP's Go client, driven line by line in a process of its own. */
export class ClientGo {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #waiting = new Map<number, PromiseWithResolvers<Answer>>();
  #last = 0;

  private constructor(program: string, args: readonly string[]) {
    this.#child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
    createInterface({ input: this.#child.stdout }).on("line", (line) => {
      const answer = JSON.parse(line) as Answer;
      this.#waiting.get(answer.id)?.resolve(answer);
      this.#waiting.delete(answer.id);
    });
    this.#child.on("close", () => {
      for (const { reject } of this.#waiting.values()) reject(new Error("the Go client ended"));
    });
  }

  /** Starts it. `unary`: a call for each command, not batched streams. */
  static async open(pd: readonly string[], { unary = false }: { readonly unary?: boolean } = {}): Promise<ClientGo> {
    const program = await goProgram("client-go", join(import.meta.dirname, "client-go"), ["."]);
    return new ClientGo(program, [pd.join(","), unary ? "unary" : "batched"]);
  }

  /** Commits pairs in one transaction and tells how: `2pc`, `async_commit` or `1pc`. `lock`: pessimistically. */
  async commit(
    pairs: readonly Pair[],
    mode: CommitMode,
    { lock = false, timeoutMs }: { readonly lock?: boolean; readonly timeoutMs?: number } = {},
  ): Promise<string> {
    const { committed } = await this.#ask({ op: "commit", mode, lock, pairs: pairs.map(written) }, timeoutMs);
    return committed ?? "";
  }

  async get(key: Uint8Array, timeoutMs?: number): Promise<Uint8Array> {
    return (await this.#pairs({ op: "get", key: hex(key) }, timeoutMs))[0]!.value;
  }

  async scan(key: Uint8Array, end: Uint8Array, limit: number): Promise<readonly Pair[]> {
    return this.#pairs({ op: "scan", key: hex(key), end: hex(end), limit });
  }

  /** Puts a raw value; `ttl` is in seconds, 0 for ever. */
  async rawPut(key: Uint8Array, value: Uint8Array, ttl = 0): Promise<void> {
    await this.#ask({ op: "rawPut", key: hex(key), value: hex(value), ttl });
  }

  async rawGet(key: Uint8Array): Promise<Uint8Array> {
    return (await this.#pairs({ op: "rawGet", key: hex(key) }))[0]!.value;
  }

  /** Tells the seconds that a raw key has left. */
  async rawTtl(key: Uint8Array): Promise<number> {
    return (await this.#ask({ op: "rawTtl", key: hex(key) })).ttl ?? 0;
  }

  async rawDelete(key: Uint8Array): Promise<void> {
    await this.#ask({ op: "rawDelete", key: hex(key) });
  }

  async rawScan(key: Uint8Array, end: Uint8Array, limit: number): Promise<readonly Pair[]> {
    return this.#pairs({ op: "rawScan", key: hex(key), end: hex(end), limit });
  }

  /** Swaps a raw value where the old one is `previous` (empty: absent), and tells whether it did. */
  async rawSwap(key: Uint8Array, previous: Uint8Array, value: Uint8Array): Promise<boolean> {
    const swap = { op: "rawSwap", key: hex(key), previous: hex(previous), value: hex(value) };
    return (await this.#ask(swap)).swapped ?? false;
  }

  async #pairs(ask: object, timeoutMs?: number): Promise<readonly Pair[]> {
    const { pairs = [] } = await this.#ask(ask, timeoutMs);
    return pairs.map(({ key, value }) => ({ key: Buffer.from(key, "hex"), value: Buffer.from(value, "hex") }));
  }

  async #ask(ask: object, timeoutMs = 15_000): Promise<Answer> {
    const id = ++this.#last;
    const waiting = Promise.withResolvers<Answer>();
    this.#waiting.set(id, waiting);
    this.#child.stdin.write(`${JSON.stringify({ id, timeoutMs, ...ask })}\n`);
    const answer = await waiting.promise;
    if (answer.error !== undefined) throw new Error(answer.error);
    return answer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#child.once("close", resolve));
    this.#child.stdin.end();
    this.#child.kill();
    await closed;
  }
}

function written({ key, value }: Pair): { readonly key: string; readonly value: string } {
  return { key: hex(key), value: hex(value) };
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
