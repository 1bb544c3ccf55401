import {
  constants,
  createSecureServer,
  createServer,
  type Http2SecureServer,
  type Http2Server,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
  type Settings,
} from "node:http2";
import type { Socket } from "node:net";

import { connectNodeAdapter, type ConnectNodeAdapterOptions } from "@connectrpc/connect-node";
import { StoreError, systemClock } from "@orbit/persistence";

import { type Endpoint, listen } from "../listening.ts";

/** Certificates in PEM. With `ca`, clients must show one that it signed. */
export interface TlsMaterial {
  readonly cert: Uint8Array;
  readonly key: Uint8Array;
  readonly ca?: Uint8Array;
}

export interface ListenerOptions extends Pick<ConnectNodeAdapterOptions, "routes" | "interceptors" | "shutdownSignal"> {
  readonly tls: TlsMaterial | undefined;
  readonly maxMessageBytes: number;
}

/** A peer that does not answer a ping in this time is gone, and its streams with it. */
const PING_TIMEOUT_MS = 10_000;
const PING_INTERVAL_MS = 30_000;
const MAX_STREAMS = 1_000;
/** How long the rest of a refused request is read and thrown away. */
const DISCARD_MS = 250;
const POLL_MS = 10;
/** How long a peer without calls has to close its connection. */
const HANG_UP_MS = 250;

/** gRPC over HTTP/2: connect's handlers on Node's own server, in plain text or with TLS. */
export class GrpcListener {
  readonly #server: Http2Server | Http2SecureServer;
  readonly #sessions = new Set<ServerHttp2Session>();
  readonly #sockets = new Set<Socket>();

  constructor({ tls, maxMessageBytes, routes, interceptors, shutdownSignal }: ListenerOptions) {
    const handler = connectNodeAdapter({
      routes,
      grpc: true,
      grpcWeb: false,
      connect: false,
      readMaxBytes: maxMessageBytes,
      ...(interceptors === undefined ? {} : { interceptors }),
      ...(shutdownSignal === undefined ? {} : { shutdownSignal }),
      // Trailers alone, as gRPC clients expect an answer to a method that isn't there.
      fallback: (_, response) => {
        // Set one by one: after writeHead the stream would end in a frame of its own, which grpc-go takes for a fault.
        response.setHeader("content-type", "application/grpc");
        response.setHeader("grpc-status", "12");
        response.end();
      },
    });
    const answer = (request: Http2ServerRequest, response: Http2ServerResponse): void => {
      // What is left of a request refused for its size is thrown away, and its stream reset: some clients would leave
      // it open. Not at once, because others drop an answer that they have not read yet when its stream is reset.
      const { stream } = request;
      stream.once("wantTrailers", () => {
        if (stream.readableEnded) return;
        // Nobody listens to the request any more; its own listener would stop the stream again.
        stream.removeAllListeners("data").resume();
        stream.once(
          "close",
          systemClock.after(DISCARD_MS, () => stream.close(constants.NGHTTP2_NO_ERROR)),
        );
      });
      handler(request, response);
    };
    const settings = { maxConcurrentStreams: MAX_STREAMS };
    this.#server = tls === undefined ? createServer({ settings }, answer) : secure(tls, settings, answer);
    this.#server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
    });
    this.#server.on("session", (session: ServerHttp2Session) => this.#adopt(session));
    // A peer that speaks something else: its session has ended already, and nobody else is concerned.
    this.#server.on("sessionError", (_: Error, session: ServerHttp2Session) => session.destroy());
  }

  /** Starts to listen; returns the port. */
  listen(endpoint: Endpoint): Promise<number> {
    return listen(this.#server, endpoint);
  }

  /** Takes no new connections and no new calls, and waits until those under way have ended. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    const sessions = [...this.#sessions];
    for (const session of sessions) session.close();
    // A session is destroyed once its last stream has ended, and then waits for its peer to hang up; no event tells.
    while (sessions.some(({ destroyed }) => !destroyed)) await pause(POLL_MS);
    const cancel = systemClock.after(HANG_UP_MS, () => this.destroy());
    await closed;
    cancel();
  }

  /** Cuts the connections that are left. */
  destroy(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #adopt(session: ServerHttp2Session): void {
    this.#sessions.add(session);
    let cancel = (): void => undefined;
    const ping = (): void => {
      const giveUp = systemClock.after(PING_TIMEOUT_MS, () => session.destroy());
      const sent = session.ping(() => {
        giveUp();
        if (!session.closed) cancel = systemClock.after(PING_INTERVAL_MS, ping);
      });
      if (!sent) giveUp();
    };
    cancel = systemClock.after(PING_INTERVAL_MS, ping);
    session.once("close", () => {
      cancel();
      this.#sessions.delete(session);
    });
  }
}

function secure(
  { cert, key, ca }: TlsMaterial,
  settings: Settings,
  answer: (request: Http2ServerRequest, response: Http2ServerResponse) => void,
): Http2SecureServer {
  const clients = ca === undefined ? {} : { ca: Buffer.from(ca), requestCert: true, rejectUnauthorized: true };
  const own = { cert: Buffer.from(cert), key: Buffer.from(key), minVersion: "TLSv1.2" } as const;
  try {
    return createSecureServer({ settings, ...own, ...clients }, answer);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new StoreError("INVALID_CONFIG", `tls: expected certificates and a key in PEM that match: ${why}`, { cause });
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => systemClock.after(ms, resolve));
}
