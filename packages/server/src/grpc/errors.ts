import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { StoreError, type StoreErrorCode } from "@orbit/persistence";
import { type ErrorDetail, ErrorDetail_Outcome, ErrorDetailSchema } from "@orbit/proto";

/**
 * What a caller without the detail sees. Two rules decide: a status that clients retry by themselves must be safe to
 * retry, and a status that blames the caller must be the caller's to mend.
 */
const STATUS_OF: Readonly<Record<StoreErrorCode, Code>> = {
  INVALID_ARGUMENT: Code.InvalidArgument,
  // The configuration and credentials that are wrong are this server's.
  INVALID_CONFIG: Code.Internal,
  DENIED: Code.Internal,
  UNSUPPORTED: Code.Unimplemented,
  CLOSED: Code.Unavailable,
  ABORTED: Code.Canceled,
  TIMEOUT: Code.DeadlineExceeded,
  UNAVAILABLE: Code.Unavailable,
  THROTTLED: Code.ResourceExhausted,
  TOO_LARGE: Code.InvalidArgument,
  FULL: Code.ResourceExhausted,
  CORRUPT: Code.DataLoss,
  CONFLICT: Code.Aborted,
  // Not to be retried until the caller has joined or acquired anew.
  LEASE_LOST: Code.FailedPrecondition,
  INTERNAL: Code.Internal,
};

/** Tells an error in a message: the details of a status, or one answer of a bulk call. */
export function toDetail(error: StoreError): ErrorDetail {
  return create(ErrorDetailSchema, {
    code: error.code,
    message: error.message,
    retryable: error.retryable,
    outcome: error.outcome === "unknown" ? ErrorDetail_Outcome.UNKNOWN : ErrorDetail_Outcome.NONE,
  });
}

/** Turns what a handler threw into a status. */
export function toStatus(error: unknown): ConnectError {
  if (error instanceof ConnectError) return error;
  const known = StoreError.from(error, {});
  const detail = { desc: ErrorDetailSchema, value: toDetail(known) };
  return new ConnectError(known.message, statusOf(known), undefined, [detail], error);
}

function statusOf(error: StoreError): Code {
  // A call that was given up has the reason of its signal as cause: deadline, cancellation or a stopping server.
  if (error.code === "ABORTED" && error.cause instanceof ConnectError) return error.cause.code;
  const status = STATUS_OF[error.code];
  // Many clients send a call again after this one; a write that may have been applied must not be.
  return status === Code.Unavailable && error.outcome === "unknown" ? Code.Unknown : status;
}
