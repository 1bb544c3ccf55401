import {
  type NodeDescription,
  type NodeSession,
  startSweeper,
  StoreError,
  type Sweeper,
  systemClock,
} from "@orbit/persistence";
import type { Logger } from "pino";

import type { Namespace } from "./namespaces.ts";

export interface ServerNodeInit {
  readonly management: Namespace;
  readonly description: NodeDescription;
  readonly sweep: Parameters<typeof startSweeper>[0]["sweep"];
  readonly sweepIntervalMs: number;
  readonly log: Logger;
}

const RETRY_MS = 2_000;
const LEAVE_MS = 2_000;

/** This server's place among the servers: joined again whenever it is lost, with a sweeper for as long as it lasts. */
export class ServerNode {
  readonly #init: ServerNodeInit;
  readonly #stopping = new AbortController();
  #life: { readonly session: NodeSession; readonly sweeper: Sweeper } | undefined;
  #running: Promise<void> | undefined;

  constructor(init: ServerNodeInit) {
    this.#init = init;
  }

  /** Joins in the background: clients are served meanwhile. */
  start(): void {
    this.#running = this.#run();
  }

  /** Ends the sweeper and leaves. A store that does not answer is not waited for long. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
    if (this.#life === undefined) return;
    const { session, sweeper } = this.#life;
    await sweeper.stop();
    try {
      await session.leave({ deadline: systemClock.now() + LEAVE_MS });
    } catch (error) {
      this.#init.log.warn({ error: messageOf(error) }, "could not leave: the other servers will see this one expire");
    }
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        const session = await this.#join(signal);
        await either(session.lost, signal);
        if (signal.aborted) return;
        this.#init.log.warn("lost the place among the servers: joining again");
        await this.#life?.sweeper.stop();
        this.#life = undefined;
      } catch (error) {
        if (signal.aborted) return;
        this.#init.log.warn({ error: messageOf(error) }, "could not join the servers: trying again");
        await pause(RETRY_MS, signal);
      }
    }
  }

  async #join(signal: AbortSignal): Promise<NodeSession> {
    const { management, description, sweep, sweepIntervalMs, log } = this.#init;
    const session = await management.membership.join(description, { signal });
    const onError = (error: StoreError): void => log.warn({ error: error.message }, "a sweep failed");
    const sweeper = startSweeper({ session, lock: management.directory, sweep, intervalMs: sweepIntervalMs, onError });
    this.#life = { session, sweeper };
    return session;
  }
}

function messageOf(error: unknown): string {
  return StoreError.from(error, {}).message;
}

function either(...signals: readonly AbortSignal[]): Promise<void> {
  const any = AbortSignal.any([...signals]);
  return new Promise((resolve) => {
    if (any.aborted) resolve();
    else any.addEventListener("abort", () => resolve(), { once: true });
  });
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const cancel = systemClock.after(ms, resolve);
    signal.addEventListener(
      "abort",
      () => {
        cancel();
        resolve();
      },
      { once: true },
    );
  });
}
