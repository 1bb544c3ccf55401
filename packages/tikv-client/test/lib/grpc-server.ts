import { once } from "node:events";
import {
  createSecureServer,
  createServer,
  type SecureServerOptions,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { AddressInfo } from "node:net";

import { FrameReader, framed } from "../../src/grpc/frames.ts";

/** A call that reached the server. */
export interface Served {
  readonly path: string;
  readonly stream: ServerHttp2Stream;
  /** Called with each message of the client. */
  onMessage: (message: Uint8Array) => void;
  send(message: Uint8Array): void;
  /** Ends the call with a status. */
  end(status: number, message?: string): void;
}

/** A gRPC server over node:http2, whose calls are answered by a test. */
export class GrpcServer implements AsyncDisposable {
  readonly address: string;
  readonly sessions: ServerHttp2Session[];
  readonly #close: () => Promise<void>;

  private constructor(address: string, sessions: ServerHttp2Session[], close: () => Promise<void>) {
    this.address = address;
    this.sessions = sessions;
    this.#close = close;
  }

  static async start(serve: (call: Served) => void, tls?: SecureServerOptions, port = 0): Promise<GrpcServer> {
    const server = tls === undefined ? createServer() : createSecureServer(tls);
    const sessions: ServerHttp2Session[] = [];
    server.on("session", (session) => sessions.push(session));
    server.on("sessionError", () => {});
    server.on("stream", (stream: ServerHttp2Stream, headers) => {
      stream.on("error", () => {});
      const call: Served = {
        path: String(headers[":path"]),
        stream,
        onMessage: () => {},
        send(message) {
          if (!stream.headersSent) stream.respond({ ":status": 200 }, { waitForTrailers: true });
          stream.write(framed(message));
        },
        end(status, message) {
          const trailers = { "grpc-status": String(status), ...(message !== undefined && { "grpc-message": message }) };
          if (!stream.headersSent) {
            stream.respond({ ":status": 200, ...trailers }, { endStream: true });
            return;
          }
          stream.on("wantTrailers", () => stream.sendTrailers(trailers));
          stream.end();
        },
      };
      serve(call);
      const reader = new FrameReader(1e6);
      stream.on("data", (piece: Buffer) => {
        for (const message of reader.read(piece)) call.onMessage(message);
      });
    });
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    return new GrpcServer(`127.0.0.1:${(server.address() as AddressInfo).port}`, sessions, async () => {
      const closed = once(server, "close");
      server.close();
      for (const session of sessions) session.destroy();
      await closed;
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#close();
  }
}
