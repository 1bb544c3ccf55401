import { type ClientHttp2Stream, constants, type IncomingHttpHeaders } from "node:http2";

import { FrameReader } from "./frames.ts";
import { GrpcCode, RpcError } from "./status.ts";

export interface StreamEvents {
  /** Called with each message, in order. */
  message(bytes: Uint8Array): void;
  /** Called once, last; without an error when the server ended the stream well. */
  end(error: RpcError | undefined): void;
}

/** One gRPC call over one stream of HTTP/2. */
export class RpcStream {
  readonly #stream: ClientHttp2Stream;
  readonly #events: StreamEvents;
  readonly #reader: FrameReader;
  #status: RpcError | "ok" | undefined;
  #failure: unknown;
  #ended = false;

  constructor(
    stream: ClientHttp2Stream,
    { events, maxMessageBytes, heard }: { events: StreamEvents; maxMessageBytes: number; heard: () => void },
  ) {
    this.#stream = stream;
    this.#events = events;
    this.#reader = new FrameReader(maxMessageBytes);
    stream.on("response", (headers) => {
      heard();
      this.#headers(headers);
    });
    stream.on("trailers", (trailers) => this.#statusOf(trailers));
    stream.on("data", (piece: Buffer) => {
      heard();
      this.#data(piece);
    });
    // The close event follows and tells more.
    stream.on("error", (cause) => (this.#failure ??= cause));
    stream.on("close", () => this.#end(this.#outcome()));
  }

  /** Sends a frame as `framed` makes it. */
  write(frame: Uint8Array): void {
    this.#stream.write(frame);
  }

  /** Tells the server that no more comes, with a last frame. */
  finish(frame?: Uint8Array): void {
    this.#stream.end(frame);
  }

  /** Ends the call at once; `end` is called with the error. */
  cancel(error: RpcError): void {
    this.#end(error);
    this.#stream.close(constants.NGHTTP2_CANCEL);
  }

  #headers(headers: IncomingHttpHeaders): void {
    const status = Number(headers[":status"]);
    if (status !== 200) {
      const reason = `the server answered HTTP status ${status}, as no gRPC server does`;
      this.#status = new RpcError(GrpcCode.UNAVAILABLE, reason, { sent: true });
    }
    this.#statusOf(headers);
  }

  #statusOf(headers: IncomingHttpHeaders): void {
    const given = headers["grpc-status"];
    if (given === undefined) return;
    const code = Number(given);
    const text = headers["grpc-message"];
    const reason = typeof text === "string" ? percentDecoded(text) : "the server gave no reason";
    this.#status ??= code === GrpcCode.OK ? "ok" : new RpcError(code, reason, { sent: true });
  }

  #data(piece: Buffer): void {
    if (this.#ended) return;
    try {
      for (const message of this.#reader.read(piece)) this.#events.message(message);
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      this.cancel(error);
    }
  }

  #outcome(): RpcError | undefined {
    if (this.#status !== undefined && this.#status !== "ok") return this.#status;
    const rst = this.#stream.rstCode;
    if (this.#status === "ok" && this.#reader.partial) {
      return new RpcError(GrpcCode.INTERNAL, "the stream ended inside a message", { sent: true });
    }
    if (this.#status === "ok") return undefined;
    const cause = this.#failure;
    if (rst === constants.NGHTTP2_REFUSED_STREAM) {
      return new RpcError(GrpcCode.UNAVAILABLE, "the server refused the stream", { sent: false, cause });
    }
    const reason = cause instanceof Error ? cause.message : `the stream ended with HTTP/2 code ${rst}`;
    return new RpcError(GrpcCode.UNAVAILABLE, `the connection was lost: ${reason}`, { sent: true, cause });
  }

  #end(error: RpcError | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#events.end(error);
  }
}

function percentDecoded(text: string): string {
  return /%(?![0-9A-Fa-f]{2})/.test(text)
    ? text
    : Buffer.from(text.replaceAll(/%([0-9A-Fa-f]{2})/g, octet), "latin1").toString();
}

function octet(_match: string, digits: string): string {
  return String.fromCharCode(Number.parseInt(digits, 16));
}
