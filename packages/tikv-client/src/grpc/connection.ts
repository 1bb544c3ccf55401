import { type ClientHttp2Session, connect, type IncomingHttpHeaders } from "node:http2";

import type { Runtime } from "../runtime.ts";
import { framed } from "./frames.ts";
import { explained, openSocket, type TlsOptions } from "./socket.ts";
import { cancelled, GrpcCode, overdue, RpcError } from "./status.ts";
import { RpcStream, type StreamEvents } from "./stream.ts";

export interface ConnectionOptions {
  readonly runtime: Runtime;
  readonly tls?: TlsOptions | undefined;
  /** How long a connection may take to be made. */
  readonly connectTimeoutMs: number;
  /** A server that said nothing for so long is asked for a sign of life. */
  readonly keepaliveMs: number;
  /** How long it has for that. */
  readonly keepaliveTimeoutMs: number;
  /** Longer messages are refused before they are held. */
  readonly maxMessageBytes: number;
}

/** What bounds one request. */
export interface Bounds {
  /** An instant on the runtime's clock; infinity: none. */
  readonly deadline: number;
  readonly signal?: AbortSignal | undefined;
}

// As client-go: after a failure 100 ms, then 1.6 times as long each time, at most 3 s.
const RECONNECT_MS = 100;
const RECONNECT_FACTOR = 1.6;
const MAX_RECONNECT_MS = 3_000;

const STREAM_WINDOW_BYTES = 2 ** 24;
const CONNECTION_WINDOW_BYTES = 2 ** 27;
/** In megabytes. Node refuses streams above 10 by itself, which a few large answers pass. */
const SESSION_MEMORY_MB = 1_024;

/**
 * One HTTP/2 connection to one server, made when it is first needed and again after it was lost. While a new one may
 * not be tried yet, calls fail at once, so that another replica can be asked.
 */
export class Connection {
  readonly address: string;
  readonly #options: ConnectionOptions;
  #session: ClientHttp2Session | undefined;
  #dialed: ClientHttp2Session | undefined;
  #connecting: Promise<ClientHttp2Session> | undefined;
  #failures = 0;
  #retryAt = 0;
  #lastFailure: RpcError | undefined;
  #heard = false;
  #closed = false;

  /** `address` is `host:port`. */
  constructor(address: string, options: ConnectionOptions) {
    this.address = address;
    this.#options = options;
  }

  /** Starts a call. Throws an RpcError that was not sent when there is no connection. */
  async stream(path: string, events: StreamEvents, bounds: Bounds, headers?: IncomingHttpHeaders): Promise<RpcStream> {
    const session = this.#usable() ?? (await this.#within(this.#connect(), bounds));
    return this.#start(session, path, events, headers);
  }

  /** Calls a method that takes one message and gives one. */
  async unary(path: string, message: Uint8Array, bounds: Bounds): Promise<Uint8Array> {
    const { runtime } = this.#options;
    const session = this.#usable() ?? (await this.#within(this.#connect(), bounds));
    const left = bounds.deadline - runtime.now();
    if (bounds.signal?.aborted === true) throw cancelled(bounds.signal, false);
    if (left <= 0) throw overdue(this.address, false);
    const headers = { "grpc-timeout": `${Math.ceil(left)}m` };
    return new Promise<Uint8Array>((resolve, reject) => {
      let answer: Uint8Array | undefined;
      const onAbort = (): void => stream.cancel(cancelled(bounds.signal!, true));
      const disarm = runtime.after(left, () => stream.cancel(overdue(this.address, true)));
      const events: StreamEvents = {
        message: (bytes) => (answer = bytes),
        end: (error) => {
          disarm();
          bounds.signal?.removeEventListener("abort", onAbort);
          if (error !== undefined) reject(error);
          else if (answer !== undefined) resolve(answer);
          else
            reject(new RpcError(GrpcCode.INTERNAL, `${this.address} ended ${path} without an answer`, { sent: true }));
        },
      };
      const stream = this.#start(session, path, events, headers);
      bounds.signal?.addEventListener("abort", onAbort, { once: true });
      stream.finish(framed(message));
    });
  }

  /** Ends the connection and what is under way on it. */
  close(): void {
    this.#closed = true;
    this.#dialed?.destroy();
    this.#session = undefined;
  }

  #start(session: ClientHttp2Session, path: string, events: StreamEvents, headers?: IncomingHttpHeaders): RpcStream {
    if (session.closed || session.destroyed) {
      throw new RpcError(GrpcCode.UNAVAILABLE, `the connection to ${this.address} was lost`, { sent: false });
    }
    const stream = session.request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
      "user-agent": "orbit-tikv-client",
      te: "trailers",
      ...headers,
    });
    const { maxMessageBytes } = this.#options;
    return new RpcStream(stream, { events, maxMessageBytes, heard: () => (this.#heard = true) });
  }

  #usable(): ClientHttp2Session | undefined {
    const session = this.#session;
    return session === undefined || session.closed || session.destroyed ? undefined : session;
  }

  /** All who need the connection wait for one attempt. */
  #connect(): Promise<ClientHttp2Session> {
    if (this.#closed) {
      return Promise.reject(new RpcError(GrpcCode.UNAVAILABLE, "the client is closed", { sent: false }));
    }
    if (this.#connecting === undefined) {
      if (this.#options.runtime.now() < this.#retryAt && this.#lastFailure !== undefined) {
        return Promise.reject(this.#lastFailure);
      }
      this.#connecting = this.#dial().finally(() => (this.#connecting = undefined));
    }
    return this.#connecting;
  }

  async #dial(): Promise<ClientHttp2Session> {
    try {
      const session = await this.#handshake();
      this.#session = session;
      this.#failures = 0;
      this.#keepAlive(session);
      return session;
    } catch (cause) {
      const wait = Math.min(RECONNECT_MS * RECONNECT_FACTOR ** this.#failures++, MAX_RECONNECT_MS);
      this.#retryAt = this.#options.runtime.now() + wait;
      const reason = cause instanceof Error ? cause.message : String(cause);
      const text = `can't connect to ${this.address}: ${reason}`;
      this.#lastFailure = new RpcError(GrpcCode.UNAVAILABLE, text, { sent: false, cause });
      throw this.#lastFailure;
    }
  }

  /** Waits for the server's settings: whoever listens there, it must speak HTTP/2 before it is trusted with calls. */
  #handshake(): Promise<ClientHttp2Session> {
    const { tls, connectTimeoutMs, runtime } = this.#options;
    return new Promise((resolve, reject) => {
      // The socket is watched too: when TLS refuses a certificate late, the session is not told.
      const socket = openSocket(this.address, tls);
      const session = connect(`${tls === undefined ? "http" : "https"}://${this.address}`, {
        createConnection: () => socket,
        settings: { initialWindowSize: STREAM_WINDOW_BYTES, enablePush: false },
        maxSessionMemory: SESSION_MEMORY_MB,
      });
      this.#dialed = session;
      const fail = (error: Error): void => {
        disarm();
        reject(error);
        if (this.#session === session) this.#session = undefined;
        session.destroy(error);
        socket.destroy();
      };
      const disarm = runtime.after(connectTimeoutMs, () => fail(new Error(`no answer within ${connectTimeoutMs} ms`)));
      const closed = `it closed the connection before it spoke HTTP/2; does it speak ${tls ? "plain text" : "TLS"}?`;
      socket.on("error", (error) => fail(explained(error)));
      socket.on("close", () => fail(new Error(closed)));
      session.on("error", fail);
      session.on("close", () => fail(new Error(closed)));
      session.once("connect", () => session.setLocalWindowSize(CONNECTION_WINDOW_BYTES));
      session.once("remoteSettings", () => {
        disarm();
        resolve(session);
      });
      // The server takes no more streams; what is under way may end.
      session.on("goaway", () => {
        if (this.#session === session) this.#session = undefined;
        session.close();
      });
    });
  }

  #keepAlive(session: ClientHttp2Session): void {
    const { keepaliveMs, keepaliveTimeoutMs, runtime } = this.#options;
    const later = (): void => void runtime.after(keepaliveMs, check);
    const check = (): void => {
      if (session.destroyed) return;
      if (this.#heard) {
        this.#heard = false;
        later();
        return;
      }
      const silent = runtime.after(keepaliveTimeoutMs, () =>
        session.destroy(new Error(`${this.address} gave no sign of life within ${keepaliveTimeoutMs} ms`)),
      );
      session.ping((error) => {
        silent();
        if (error === null) later();
      });
    };
    later();
  }

  #within<T>(work: Promise<T>, { deadline, signal }: Bounds): Promise<T> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(cancelled(signal, false));
        return;
      }
      const onAbort = (): void => finish(() => reject(cancelled(signal!, false)));
      const { runtime } = this.#options;
      const onDeadline = (): void => finish(() => reject(overdue(this.address, false)));
      const disarm =
        deadline === Number.POSITIVE_INFINITY ? undefined : runtime.after(deadline - runtime.now(), onDeadline);
      const finish = (settle: () => void): void => {
        disarm?.();
        signal?.removeEventListener("abort", onAbort);
        settle();
      };
      signal?.addEventListener("abort", onAbort, { once: true });
      work.then(
        (value) => finish(() => resolve(value)),
        (error: unknown) => finish(() => reject(error)),
      );
    });
  }
}
