/** The closed list of error codes. What a caller can do about each is in its comment. */
export const TIKV_ERROR_CODES = [
  /** An argument or option is wrong; it is named. Mend the call. */
  "INVALID_ARGUMENT",
  /** The client is closed. */
  "CLOSED",
  /** The caller's signal was aborted. */
  "ABORTED",
  /** The time of the call passed. */
  "TIMEOUT",
  /** The cluster can't be reached, or its regions did not settle within the retries. The last causes are told. Retry later. */
  "UNAVAILABLE",
  /** An endpoint belongs to another cluster. Mend the endpoints. */
  "CLUSTER_MISMATCH",
  /** The keyspace is missing or not enabled. */
  "KEYSPACE",
  /** The cluster lacks what was asked for, such as a ttl where ttls are not enabled. */
  "UNSUPPORTED",
  /** A key, value or batch is over the limit of the cluster. */
  "TOO_LARGE",
  /** The server refused the call in words that this client does not know; they are told. */
  "REFUSED",
  /** An answer can't be read, or contradicts the protocol. */
  "PROTOCOL",
] as const;

export type TikvErrorCode = (typeof TIKV_ERROR_CODES)[number];

export interface TikvErrorInit {
  /** `unknown`: the write may have been applied, or may be applied later. */
  readonly outcome?: "none" | "unknown";
  readonly cause?: unknown;
}

const RETRYABLE: ReadonlySet<TikvErrorCode> = new Set(["TIMEOUT", "UNAVAILABLE"]);

/** The one error class of this package. The message starts with the code. */
export class TikvError extends Error {
  override readonly name: string = "TikvError";
  readonly code: TikvErrorCode;
  /** Whether the same call may be made again as it is. Never true for a write of unknown outcome. */
  readonly retryable: boolean;
  readonly outcome: "none" | "unknown";

  constructor(code: TikvErrorCode, reason: string, { outcome = "none", cause }: TikvErrorInit = {}) {
    const unknown = outcome === "unknown" ? " (the write may have been applied)" : "";
    super(`[${code}] ${reason}${unknown}`, cause === undefined ? undefined : { cause });
    this.code = code;
    this.outcome = outcome;
    this.retryable = outcome === "none" && RETRYABLE.has(code);
  }
}
