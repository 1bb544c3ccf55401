const brand = Symbol.for("orbit.persistence.StoreError");

/** The closed list of error codes. What a caller can do about each is in its comment. */
export const STORE_ERROR_CODES = [
  /** An argument, key, version or option is wrong. Mend the call. */
  "INVALID_ARGUMENT",
  /** The configuration has faults; all are named. Mend it. */
  "INVALID_CONFIG",
  /** The driver, the server or the platform lacks what was asked for. Choose another provider or setting. */
  "UNSUPPORTED",
  /** The store is closed. */
  "CLOSED",
  /** The caller's signal was aborted. */
  "ABORTED",
  /** The deadline passed. */
  "TIMEOUT",
  /** The backend can't be reached or does not answer. Retry later. */
  "UNAVAILABLE",
  /** The backend asks for fewer requests. Retry later. */
  "THROTTLED",
  /** Credentials are missing, wrong or lack a permission. */
  "DENIED",
  /** A key, value or batch is over the limit. */
  "TOO_LARGE",
  /** The store is full: entries, memory, disk or quota. Nothing was evicted. */
  "FULL",
  /** Stored bytes are damaged or of an unknown format. */
  "CORRUPT",
  /** A transaction lost its races to the end, or a record is held by another. Retry from the start. */
  "CONFLICT",
  /** The lease or the session is no longer held. Stop using what it guarded. */
  "LEASE_LOST",
  /** A defect in the driver or in this package. */
  "INTERNAL",
] as const;

export type StoreErrorCode = (typeof STORE_ERROR_CODES)[number];

export interface StoreErrorInit extends ErrorContext {
  /** Whether the same call may be sent again as it is. Never true for a write of unknown outcome. */
  readonly retryable?: boolean;
  /** `unknown`: the write may have been applied or may be applied later. */
  readonly outcome?: "none" | "unknown";
  readonly cause?: unknown;
}

/** The one error class. The message starts with the code; no message, property or cause text carries a secret. */
export class StoreError extends Error {
  override readonly name: string = "StoreError";
  readonly code: StoreErrorCode;
  readonly retryable: boolean;
  readonly outcome: "none" | "unknown";
  readonly provider: string | undefined;
  readonly operation: string | undefined;
  readonly key: string | undefined;
  /** The message without code and context. */
  readonly reason: string;

  constructor(code: StoreErrorCode, reason: string, init: StoreErrorInit = {}) {
    super(message(code, reason, init), init.cause === undefined ? undefined : { cause: init.cause });
    this.code = code;
    this.reason = reason;
    this.outcome = init.outcome ?? "none";
    this.retryable = this.outcome === "none" && (init.retryable ?? RETRYABLE.has(code));
    this.provider = init.provider;
    this.operation = init.operation;
    this.key = init.key;
    Object.defineProperty(this, brand, { value: true });
  }

  /** Tells a StoreError, also one made by another copy of this package. */
  static is(value: unknown): value is StoreError {
    return typeof value === "object" && value !== null && brand in value;
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    return StoreError.is(value);
  }

  /**
   * Returns the error with context where it has none, also when another copy of this package made it. What is not a
   * StoreError becomes `INTERNAL`, with itself as cause: a driver must map its own errors.
   */
  static from(error: unknown, context: ErrorContext): StoreError {
    if (!StoreError.is(error)) {
      return new StoreError("INTERNAL", "the driver threw an error that is not a StoreError", {
        ...context,
        cause: error,
      });
    }
    const { code, reason, retryable, outcome, cause } = error;
    const provider = error.provider ?? context.provider;
    const operation = error.operation ?? context.operation;
    const key = error.key ?? context.key;
    if (provider === error.provider && operation === error.operation && key === error.key) return error;
    return new StoreError(code, reason, { retryable, outcome, provider, operation, key, cause });
  }
}

export interface ErrorContext {
  readonly provider?: string | undefined;
  readonly operation?: string | undefined;
  readonly key?: string | undefined;
}

const RETRYABLE: ReadonlySet<StoreErrorCode> = new Set(["TIMEOUT", "UNAVAILABLE", "THROTTLED", "CONFLICT"]);
const MAX_KEY_IN_MESSAGE = 80;

function message(code: StoreErrorCode, reason: string, init: StoreErrorInit): string {
  const key = init.key === undefined ? undefined : JSON.stringify(shorten(init.key));
  const where = [init.provider, init.operation, key].filter((part) => part !== undefined).join(" ");
  const unknown = init.outcome === "unknown" ? " (the write may have been applied)" : "";
  return `[${code}] ${where === "" ? "" : `${where}: `}${reason}${unknown}`;
}

function shorten(key: string): string {
  return key.length <= MAX_KEY_IN_MESSAGE ? key : `${key.slice(0, MAX_KEY_IN_MESSAGE)}…`;
}
