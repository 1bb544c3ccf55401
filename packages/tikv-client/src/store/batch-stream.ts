import { Tikv } from "../gen/tikvpb_pb.ts";
import type { Connection } from "../grpc/connection.ts";
import { Deadlines } from "../grpc/deadlines.ts";
import { GrpcCode, overdue, RpcError } from "../grpc/status.ts";
import type { RpcStream } from "../grpc/stream.ts";
import type { Runtime } from "../runtime.ts";
import { type Batched, type BatchedAnswer, batchFrame, readBatch } from "./envelope.ts";
import { WireError } from "./wire.ts";

/** A command on its way. Exactly one of the two is called, once. */
export interface Pending extends Batched {
  readonly deadline: number;
  answered(message: Uint8Array): void;
  failed(error: RpcError): void;
}

const PATH = `/${Tikv.typeName}/${Tikv.method.batchCommands.name}`;

/** Carries commands over one stream of one connection, and opens it again after it broke. */
export class BatchStream {
  readonly #connection: Connection;
  readonly #index: number;
  readonly #pending = new Map<number, Pending>();
  readonly #deadlines: Deadlines;
  #stream: RpcStream | undefined;
  #opening = false;
  #waiting: (readonly Pending[])[] = [];

  /** `index` tells the server one connection of this client from another. */
  constructor(connection: Connection, index: number, runtime: Runtime) {
    this.#connection = connection;
    this.#index = index;
    this.#deadlines = new Deadlines(runtime, (now) => this.#expire(now));
  }

  /** Sends commands as one message. They are pending until they are answered, forgotten, overdue, or the stream breaks. */
  send(commands: readonly Pending[]): void {
    for (const command of commands) {
      this.#pending.set(command.id, command);
      this.#deadlines.watch(command.deadline);
    }
    if (this.#stream !== undefined) {
      this.#stream.write(batchFrame(commands));
      return;
    }
    this.#waiting.push(commands);
    if (!this.#opening) void this.#open();
  }

  /** Drops a command that nobody waits for any more; its answer will be ignored. Tells whether it was sent on here. */
  forget(id: number): boolean {
    return this.#pending.delete(id) && !this.#waiting.some((commands) => commands.some((each) => each.id === id));
  }

  /** Ends the stream and fails what is pending. */
  close(): void {
    this.#broken(this.#stream, new RpcError(GrpcCode.UNAVAILABLE, "the client is closed", { sent: true }));
  }

  async #open(): Promise<void> {
    this.#opening = true;
    try {
      // Who waits gives up by its own deadline; the attempt itself ends with the connection's.
      const bounds = { deadline: Number.POSITIVE_INFINITY };
      const events = {
        message: (bytes: Uint8Array) => this.#message(stream, bytes),
        end: (error: RpcError | undefined) => this.#broken(stream, error ?? ended(this.#connection.address)),
      };
      const headers = { "tikv-batch-conn-index": String(this.#index) };
      const stream: RpcStream = await this.#connection.stream(PATH, events, bounds, headers);
      this.#stream = stream;
      this.#opening = false;
      // What was forgotten or overdue meanwhile is not sent.
      const commands = this.#waiting.flat().filter(({ id }) => this.#pending.has(id));
      this.#waiting = [];
      if (commands.length > 0) stream.write(batchFrame(commands));
    } catch (error) {
      this.#opening = false;
      this.#broken(undefined, error instanceof RpcError ? error : lost(error));
    }
  }

  #message(stream: RpcStream, bytes: Uint8Array): void {
    let answers: BatchedAnswer[];
    try {
      answers = readBatch(bytes);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      const reason = `an answer of ${this.#connection.address} can't be read: ${error.message}`;
      stream.cancel(new RpcError(GrpcCode.INTERNAL, reason, { sent: true, cause: error }));
      return;
    }
    for (const { id, field, message } of answers) {
      const command = this.#pending.get(id);
      // Unknown: it was forgotten or overdue.
      if (command === undefined) continue;
      this.#pending.delete(id);
      if (field === command.field) command.answered(message);
      else command.failed(mismatched(this.#connection.address, field));
    }
  }

  /** Everything on a stream that broke may have been done; what was never written was not. */
  #broken(stream: RpcStream | undefined, error: RpcError): void {
    if (stream !== this.#stream) return;
    this.#stream = undefined;
    this.#deadlines.stop();
    const unsent = new Set(this.#waiting.flat().map(({ id }) => id));
    const failed = [...this.#pending.values()];
    this.#pending.clear();
    this.#waiting = [];
    stream?.cancel(error);
    for (const command of failed) {
      command.failed(
        unsent.has(command.id) ? new RpcError(error.code, error.message, { sent: false, cause: error }) : error,
      );
    }
  }

  #expire(now: number): number {
    let next = Number.POSITIVE_INFINITY;
    const due: Pending[] = [];
    for (const command of this.#pending.values()) {
      if (command.deadline <= now) due.push(command);
      else next = Math.min(next, command.deadline);
    }
    for (const command of due) command.failed(overdue(this.#connection.address, this.forget(command.id)));
    return next;
  }
}

function ended(address: string): RpcError {
  return new RpcError(GrpcCode.UNAVAILABLE, `${address} ended the stream`, { sent: true });
}

function lost(cause: unknown): RpcError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new RpcError(GrpcCode.INTERNAL, `the stream can't be opened: ${reason}`, { sent: false, cause });
}

function mismatched(address: string, field: number | undefined): RpcError {
  return field === undefined
    ? new RpcError(GrpcCode.UNIMPLEMENTED, `${address} does not know the command`, { sent: true })
    : new RpcError(GrpcCode.INTERNAL, `${address} answered with field ${field}, which was not asked`, { sent: true });
}
