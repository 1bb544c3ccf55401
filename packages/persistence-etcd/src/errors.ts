import { StoreError, type StoreErrorCode } from "@orbit/persistence/driver";

/** What the client's error codes mean here. A code that is not in the table is a defect: it shows as `INTERNAL`. */
const CODES: Readonly<Record<string, StoreErrorCode>> = {
  EACCES: "DENIED",
  ECONNREFUSED: "UNAVAILABLE",
  ECONNRESET: "UNAVAILABLE",
  ENOSPC: "FULL",
  ENOTFOUND: "UNAVAILABLE",
  ETIMEDOUT: "TIMEOUT",
};

/** After these the request may have reached the server. */
const IN_DOUBT: ReadonlySet<string> = new Set(["ECONNRESET", "ETIMEDOUT"]);

/** Turns what the client threw into a StoreError. `writes`: the call would have changed something. */
export function toStoreError(cause: unknown, writes: boolean): StoreError {
  if (StoreError.is(cause)) return cause;
  const code = codeOf(cause);
  return new StoreError(CODES[code] ?? "INTERNAL", `the client failed with ${code || "an unknown error"}`, {
    provider: "etcd",
    outcome: writes && IN_DOUBT.has(code) ? "unknown" : "none",
    cause,
  });
}

function codeOf(cause: unknown): string {
  return cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : "";
}
