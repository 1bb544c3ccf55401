import { channel } from "node:diagnostics_channel";

import { Code, type ConnectError, type Interceptor, type StreamResponse } from "@connectrpc/connect";
import type { RpcEvent } from "@orbit/observability";
import { StoreError, systemClock } from "@orbit/persistence";
import { DirectoryService, MembershipService, NodeManagementService } from "@orbit/proto";
import type { Logger } from "pino";

import { toStatus } from "./errors.ts";

/** What a draining server refuses: it would hand out what it is about to stop serving. */
const REFUSED: ReadonlySet<string> = new Set([
  `${MembershipService.typeName}.Join`,
  `${NodeManagementService.typeName}.JoinCluster`,
  `${DirectoryService.typeName}.Acquire`,
  `${DirectoryService.typeName}.AcquireMany`,
]);

const rpc = channel("orbit.rpc");

/** Every call passes here: it is refused while draining, its errors become statuses, and its end is told. */
export class Calls {
  readonly #log: Logger;
  readonly #draining: AbortSignal;
  readonly #underWay = new Set<Promise<unknown>>();

  constructor(log: Logger, draining: AbortSignal) {
    this.#log = log;
    this.#draining = draining;
  }

  /** Resolves when the unary calls that are under way now have ended. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#underWay);
  }

  readonly interceptor: Interceptor = (next) => async (request) => {
    const name = `${request.service.typeName}.${request.method.name}`;
    const start = systemClock.now();
    const end = (code: Code | undefined, error?: ConnectError): void => {
      const event: RpcEvent = {
        service: request.service.typeName,
        method: request.method.name,
        code: code === undefined ? "ok" : nameOf(code),
        durationMs: systemClock.now() - start,
      };
      rpc.publish(event);
      const level = code === Code.Internal || code === Code.DataLoss ? "error" : "debug";
      this.#log[level]({ call: name, code: event.code, ms: round(event.durationMs), ...because(error) }, "call");
    };
    const fail = (cause: unknown): never => {
      const status = toStatus(cause);
      end(status.code, status);
      throw status;
    };
    if (this.#draining.aborted && REFUSED.has(name)) {
      fail(new StoreError("UNAVAILABLE", "this server is stopping: ask another one"));
    }
    const running = next(request);
    if (!request.stream) this.#track(running);
    const response = await running.catch(fail);
    if (response.stream) return { ...response, message: watched(response.message, end, fail) };
    end(undefined);
    return response;
  };

  #track(running: Promise<unknown>): void {
    this.#underWay.add(running);
    const forget = (): void => void this.#underWay.delete(running);
    running.then(forget, forget);
  }
}

async function* watched(
  messages: StreamResponse["message"],
  end: (code: Code | undefined) => void,
  fail: (cause: unknown) => never,
): StreamResponse["message"] {
  let ended = false;
  try {
    yield* messages;
    ended = true;
    end(undefined);
  } catch (cause) {
    ended = true;
    fail(cause);
  } finally {
    // Left early: the client went away.
    if (!ended) end(Code.Canceled);
  }
}

/** The code as gRPC writes it, in small letters. */
function nameOf(code: Code): string {
  return (Code[code] ?? "unknown").replaceAll(/(?<!^)([A-Z])/g, "_$1").toLowerCase();
}

function because(error: ConnectError | undefined): { readonly error?: string } {
  return error === undefined ? {} : { error: error.rawMessage };
}

function round(ms: number): number {
  return Math.round(ms * 100) / 100;
}
