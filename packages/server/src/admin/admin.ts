import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";

import type { Prometheus } from "@orbit/observability";
import { StoreError, type StoreErrorCode } from "@orbit/persistence";
import type { Logger } from "pino";

import { type Endpoint, listen } from "../listening.ts";
import type { ReadinessMonitor } from "../readiness.ts";
import type { AdminApi } from "./api.ts";

export interface AdminInit {
  readonly api: AdminApi;
  readonly metrics: Prometheus;
  readonly readiness: ReadinessMonitor;
  /** What this server runs with, free of secrets. */
  readonly describe: () => unknown;
  readonly log: Logger;
}

interface Answer {
  readonly status?: number;
  readonly type?: string;
  readonly body: string;
}

type Route = (query: URLSearchParams) => Promise<Answer>;

const STATUS_OF: Partial<Readonly<Record<StoreErrorCode, number>>> = {
  INVALID_ARGUMENT: 400,
  CLOSED: 503,
  UNAVAILABLE: 503,
  THROTTLED: 503,
  TIMEOUT: 504,
};

/** Health, metrics and the JSON API over HTTP/1.1. It only reads, and asks for no credentials: keep it to trusted hosts. */
export class AdminServer {
  readonly #server: Server;
  readonly #routes: ReadonlyMap<string, Route>;
  readonly #log: Logger;

  constructor({ api, metrics, readiness, describe, log }: AdminInit) {
    this.#log = log;
    this.#routes = new Map<string, Route>([
      ["/healthz", async () => json({ status: "alive" })],
      [
        "/readyz",
        async () => {
          const state = await readiness.check();
          return json(state, state.ready ? 200 : 503);
        },
      ],
      ["/metrics", async () => ({ type: metrics.contentType, body: await metrics.render() })],
      ["/api/v1/nodes", async (query) => json(await api.nodes(query))],
      ["/api/v1/leases", async (query) => json(await api.leases(query))],
      ["/api/v1/lease", async (query) => json(await api.lease(query))],
      ["/api/v1/health", async () => json(await readiness.check())],
      ["/api/v1/config", async () => json(describe())],
    ]);
    this.#server = createServer((request, response) => void this.#handle(request, response));
  }

  listen(endpoint: Endpoint): Promise<number> {
    return listen(this.#server, endpoint);
  }

  /** Waits for the answers under way. */
  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeIdleConnections();
    });
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { status = 200, type = "application/json", body } = await this.#answer(request);
    response.writeHead(status, {
      "content-type": type,
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
      ...(status === 405 ? { allow: "GET, HEAD" } : {}),
    });
    response.end(request.method === "HEAD" ? undefined : body);
  }

  async #answer({ url, method }: IncomingMessage): Promise<Answer> {
    // The host is of no interest; a target that is no URL has no route.
    const parsed = URL.parse(url ?? "/", "http://admin");
    const route = this.#routes.get(parsed?.pathname ?? "");
    if (parsed === null || route === undefined) {
      return failure(404, "NOT_FOUND", `no such path; there are ${[...this.#routes.keys()].join(", ")}`);
    }
    if (method !== "GET" && method !== "HEAD")
      return failure(405, "METHOD_NOT_ALLOWED", "only GET and HEAD are answered");
    try {
      return await route(parsed.searchParams);
    } catch (error) {
      const known = StoreError.from(error, {});
      const status = STATUS_OF[known.code] ?? 500;
      if (status === 500) this.#log.error({ path: parsed.pathname, error: known }, "admin request failed");
      return failure(status, known.code, known.message);
    }
  }
}

function json(value: unknown, status = 200): Answer {
  return { status, body: `${JSON.stringify(value)}\n` };
}

function failure(status: number, code: string, message: string): Answer {
  return json({ error: { code, message } }, status);
}
