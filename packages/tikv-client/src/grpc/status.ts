/** The codes of gRPC, https://grpc.github.io/grpc/core/md_doc_statuscodes.html. */
export const GrpcCode = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
} as const;

const NAMES: ReadonlyMap<number, string> = new Map(Object.entries(GrpcCode).map(([name, code]) => [code, name]));

/** A call that ended without an answer. */
export class RpcError extends Error {
  override readonly name: string = "RpcError";
  readonly code: number;
  /** Whether the server may have seen the request. */
  readonly sent: boolean;

  constructor(code: number, reason: string, { sent, cause }: { readonly sent: boolean; readonly cause?: unknown }) {
    super(`${NAMES.get(code) ?? `gRPC status ${code}`}: ${reason}`, cause === undefined ? undefined : { cause });
    this.code = code;
    this.sent = sent;
  }
}

/** The caller's signal was aborted while a request was under way. */
export function cancelled(signal: AbortSignal, sent: boolean): RpcError {
  return new RpcError(GrpcCode.CANCELLED, "the caller's signal was aborted", { sent, cause: signal.reason });
}

export function overdue(address: string, sent: boolean): RpcError {
  return new RpcError(GrpcCode.DEADLINE_EXCEEDED, `${address} did not answer in time`, { sent });
}
