import { create, fromBinary, toBinary } from "@bufbuild/protobuf";

import type { Call } from "../call/call.ts";
import { TikvError } from "../errors.ts";
import { ErrorType, PD, TsoRequestSchema, TsoResponseSchema } from "../gen/pdpb_pb.ts";
import type { Connection } from "../grpc/connection.ts";
import { Deadlines } from "../grpc/deadlines.ts";
import { framed } from "../grpc/frames.ts";
import { GrpcCode, RpcError } from "../grpc/status.ts";
import type { RpcStream } from "../grpc/stream.ts";
import type { Runtime } from "../runtime.ts";
import type { Members } from "./members.ts";

/** How many low bits of a timestamp count within a millisecond. */
const LOGICAL_BITS = 18n;

/** PD gives at most so many at once. */
const MAX_BATCH = 10_000;
/** A stream that answers later is given up. */
const TSO_TIMEOUT_MS = 3_000;

const PATH = `/${PD.typeName}/${PD.method.tso.name}`;

interface Waiter {
  resolve(timestamp: bigint): void;
  reject(error: RpcError | TikvError): void;
}

interface Batch {
  readonly waiters: readonly Waiter[];
  readonly deadline: number;
}

/** Gives the milliseconds since 1970 that a timestamp was made in, by the clock of PD. */
export function physicalMs(timestamp: bigint): number {
  return Number(timestamp >> LOGICAL_BITS);
}

/** Gives timestamps of the cluster: unique, and above all that were given before the call. */
export class Oracle {
  readonly #members: Members;
  readonly #runtime: Runtime;
  readonly #deadlines: Deadlines;
  #queue: Waiter[] = [];
  #scheduled = false;
  /** The leader and the stream to it; answers come in the order of the requests. */
  #stream: { readonly rpc: RpcStream; readonly leader: Connection; readonly batches: Batch[] } | undefined;
  #opening = false;
  #last = 0n;
  #closed = false;

  constructor(members: Members, runtime: Runtime) {
    this.#members = members;
    this.#runtime = runtime;
    this.#deadlines = new Deadlines(runtime, (now) => this.#expire(now));
  }

  /** Gives a timestamp. Those that are asked for in one turn of the event loop share a request. */
  async timestamp(call: Call): Promise<bigint> {
    for (;;) {
      call.check();
      try {
        return await this.#next(call);
      } catch (error) {
        if (!(error instanceof RpcError)) throw error;
        call.check();
        await call.backoff("pdRpc", `timestamp: ${error.message}`);
      }
    }
  }

  close(): void {
    this.#closed = true;
    this.#broken(this.#stream?.rpc, closed());
  }

  #next(call: Call): Promise<bigint> {
    if (this.#closed) return Promise.reject(new TikvError("CLOSED", "the client is closed"));
    return new Promise((resolve, reject) => {
      const onAbort = (): void => settle(() => reject(call.aborted()));
      const disarm = this.#runtime.after(call.deadline - this.#runtime.now(), () =>
        settle(() => reject(call.overdue())),
      );
      const settle = (done: () => void): void => {
        disarm();
        call.signal?.removeEventListener("abort", onAbort);
        done();
      };
      call.signal?.addEventListener("abort", onAbort, { once: true });
      this.#queue.push({
        resolve: (timestamp) => settle(() => resolve(timestamp)),
        reject: (error) => settle(() => reject(error)),
      });
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      if (this.#stream !== undefined) this.#send();
      else if (!this.#opening) void this.#open();
    });
  }

  async #open(): Promise<void> {
    this.#opening = true;
    let leader: Connection | undefined;
    try {
      leader = await this.#members.leader();
      const events = {
        message: (bytes: Uint8Array) => this.#message(rpc, bytes),
        end: (error: RpcError | undefined) =>
          this.#broken(rpc, error ?? new RpcError(GrpcCode.UNAVAILABLE, "PD ended the stream", { sent: true })),
      };
      const bounds = { deadline: this.#runtime.now() + TSO_TIMEOUT_MS };
      const rpc: RpcStream = await leader.stream(PATH, events, bounds);
      this.#opening = false;
      if (this.#closed) {
        rpc.cancel(closed());
        return;
      }
      this.#stream = { rpc, leader, batches: [] };
      this.#send();
    } catch (error) {
      this.#opening = false;
      if (leader !== undefined) this.#members.doubt(leader);
      const queue = this.#queue;
      this.#queue = [];
      for (const waiter of queue) waiter.reject(unsent(error));
    }
  }

  #send(): void {
    const stream = this.#stream!;
    while (this.#queue.length > 0) {
      const waiters = this.#queue.splice(0, MAX_BATCH);
      const deadline = this.#runtime.now() + TSO_TIMEOUT_MS;
      stream.batches.push({ waiters, deadline });
      this.#deadlines.watch(deadline);
      const header = { clusterId: this.#members.clusterId };
      stream.rpc.write(framed(toBinary(TsoRequestSchema, create(TsoRequestSchema, { header, count: waiters.length }))));
    }
  }

  #message(rpc: RpcStream, bytes: Uint8Array): void {
    if (this.#stream?.rpc !== rpc) return;
    const { header, count, timestamp } = fromBinary(TsoResponseSchema, bytes);
    const batch = this.#stream.batches[0];
    if (header?.error !== undefined && header.error.type !== ErrorType.OK) {
      this.#broken(rpc, new RpcError(GrpcCode.UNAVAILABLE, `PD says: ${header.error.message}`, { sent: true }));
      return;
    }
    if (batch === undefined || timestamp === undefined || count !== batch.waiters.length) {
      const reason = `PD gave ${count} timestamps where ${batch?.waiters.length ?? 0} were asked for`;
      this.#broken(rpc, new RpcError(GrpcCode.INTERNAL, reason, { sent: true }));
      return;
    }
    this.#stream.batches.shift();
    // The answer tells the greatest; those below it are this batch's too.
    const greatest = (timestamp.physical << LOGICAL_BITS) + timestamp.logical;
    const first = greatest - BigInt(count) + 1n;
    if (first <= this.#last) {
      const reason = `PD gave timestamp ${first} after ${this.#last}: its clock or its data went back`;
      for (const waiter of batch.waiters) waiter.reject(new TikvError("PROTOCOL", reason));
      return;
    }
    this.#last = greatest;
    for (const [index, waiter] of batch.waiters.entries()) waiter.resolve(first + BigInt(index));
  }

  #broken(rpc: RpcStream | undefined, error: RpcError): void {
    if (rpc === undefined || this.#stream?.rpc !== rpc) return;
    const { leader, batches } = this.#stream;
    this.#stream = undefined;
    this.#deadlines.stop();
    this.#members.doubt(leader);
    rpc.cancel(error);
    for (const { waiters } of batches) for (const waiter of waiters) waiter.reject(error);
    if (this.#queue.length > 0) this.#schedule();
  }

  #expire(now: number): number {
    const oldest = this.#stream?.batches[0];
    if (oldest === undefined) return Number.POSITIVE_INFINITY;
    if (oldest.deadline > now) return oldest.deadline;
    const reason = `PD gave no timestamp within ${TSO_TIMEOUT_MS} ms`;
    this.#broken(this.#stream?.rpc, new RpcError(GrpcCode.DEADLINE_EXCEEDED, reason, { sent: true }));
    return Number.POSITIVE_INFINITY;
  }
}

function closed(): RpcError {
  return new RpcError(GrpcCode.UNAVAILABLE, "the client is closed", { sent: true });
}

function unsent(error: unknown): RpcError | TikvError {
  if (error instanceof RpcError) return error;
  if (error instanceof TikvError && error.code !== "UNAVAILABLE") return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new RpcError(GrpcCode.UNAVAILABLE, reason, { sent: false, cause: error });
}
