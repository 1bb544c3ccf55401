import { StoreError, type StoreErrorCode } from "@orbit/persistence/driver";

interface Meaning {
  readonly code: StoreErrorCode;
  readonly reason: string;
  readonly retryable?: boolean;
}

function meaning(code: StoreErrorCode, reason: string, retryable?: boolean): Meaning {
  return { code, reason, ...(retryable !== undefined && { retryable }) };
}

/** First words of the server's refusals. What is refused with one of these was not applied, not in part either. */
const REFUSALS: Readonly<Record<string, Meaning>> = {
  ASK: meaning("UNAVAILABLE", "the cluster is moving the slot to another server: try again"),
  BUSY: meaning(
    "UNAVAILABLE",
    "the server is busy with a script that runs for too long: try again, or end it with SCRIPT KILL",
  ),
  CLUSTERDOWN: meaning("UNAVAILABLE", "the cluster is down, or serves not all slots: bring its servers back"),
  CROSSSLOT: meaning(
    "UNSUPPORTED",
    "keys of one request lie in several slots: a proxy or server that splits hash tags can't be used",
  ),
  DENIED: meaning("DENIED", "the server runs in protected mode: set a password, or allow this client's address"),
  LOADING: meaning("UNAVAILABLE", "the server is still loading its data: try again when it has"),
  MASTERDOWN: meaning("UNAVAILABLE", "the replica has lost its primary: name the primary, or wait for the failover"),
  MISCONF: meaning(
    "UNAVAILABLE",
    "the server refuses writes because it can't save to its disk: mend that, its log tells the cause",
  ),
  MOVED: meaning("UNAVAILABLE", "the cluster has moved the slot to another server: try again"),
  NOAUTH: meaning("DENIED", "the server asks for a password: set password"),
  NOPERM: meaning(
    "DENIED",
    "the user lacks a permission: grant the commands and keys that the README of this package lists",
  ),
  NOREPLICAS: meaning("UNAVAILABLE", "too few replicas are in touch with the server for it to take writes"),
  NOSCRIPT: meaning("UNAVAILABLE", "the server lost the script: try again"),
  OOM: meaning("FULL", "the server's maxmemory is used up: raise it, or delete entries"),
  READONLY: meaning("UNAVAILABLE", "the server has become a read-only replica: wait for the failover to be seen"),
  TRYAGAIN: meaning("UNAVAILABLE", "the cluster is moving keys of the request: try again"),
  WRONGPASS: meaning("DENIED", "wrong user or password: mend username and password"),
  WRONGTYPE: meaning("CORRUPT", "a key under this prefix holds what Orbit did not write: choose another prefix"),
};

/** Refusals that start with ERR, by what follows. */
const BY_TEXT: readonly (readonly [RegExp, Meaning])[] = [
  [
    /max number of clients/i,
    meaning("THROTTLED", "the server takes no more connections: raise maxclients, or lower pool_size"),
  ],
  [
    /cluster support disabled/i,
    meaning("INVALID_CONFIG", "the server is no cluster: set cluster_mode = false and name one host"),
  ],
  [
    /DB index is out of range|invalid DB index/i,
    meaning("INVALID_CONFIG", "database: the server has no such database"),
  ],
  [
    /SELECT is not allowed in cluster mode/i,
    meaning("INVALID_CONFIG", "the server is a cluster: set cluster_mode = true"),
  ],
  [
    /without any password configured|no password is set/i,
    meaning("DENIED", "the server has no password for this user: leave password out"),
  ],
  [
    /unknown command/i,
    meaning(
      "UNSUPPORTED",
      "the server lacks a command that Orbit needs: the README of this package names the servers that have them",
    ),
  ],
  [/No such master with that name/i, meaning("INVALID_CONFIG", "url: the Sentinels know no primary of that name")],
];

const TLS: Meaning = meaning(
  "DENIED",
  "the server's certificate was not accepted: set ca_cert to the authority that signed it",
  false,
);

/** What ends a connection, or keeps one from being made. */
const CONNECTION: Readonly<Record<string, Meaning>> = {
  ECONNREFUSED: meaning("UNAVAILABLE", "no server answers at the address"),
  ECONNRESET: meaning("UNAVAILABLE", "the connection was reset"),
  EHOSTUNREACH: meaning("UNAVAILABLE", "the host can't be reached"),
  ENETUNREACH: meaning("UNAVAILABLE", "the network can't be reached"),
  ENOTFOUND: meaning("UNAVAILABLE", "the host name is not known"),
  EAI_AGAIN: meaning("UNAVAILABLE", "the host name can't be looked up now"),
  EPIPE: meaning("UNAVAILABLE", "the connection was closed"),
  ETIMEDOUT: meaning("UNAVAILABLE", "no connection was made in time"),
  CERT_HAS_EXPIRED: meaning("DENIED", "the server's certificate has expired", false),
  ERR_TLS_CERT_ALTNAME_INVALID: meaning("DENIED", "the server's certificate names another host", false),
  DEPTH_ZERO_SELF_SIGNED_CERT: TLS,
  SELF_SIGNED_CERT_IN_CHAIN: TLS,
  UNABLE_TO_GET_ISSUER_CERT: TLS,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: TLS,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: TLS,
  CERT_SIGNATURE_FAILURE: TLS,
};

/** Messages of the client itself, which have no code. */
const CLIENT: readonly (readonly [RegExp, Meaning])[] = [
  [
    /Connection is closed|Reached the max retries per request|Cluster is (ended|disconnect)|Command aborted/,
    meaning("UNAVAILABLE", "the connection was lost"),
  ],
  [/Socket timeout/, meaning("UNAVAILABLE", "the server owed an answer for longer than command_timeout")],
  [
    /None of startup nodes is available|Failed to refresh slots cache/,
    meaning("UNAVAILABLE", "no server of the cluster answers"),
  ],
  [/All sentinels are unreachable/, meaning("UNAVAILABLE", "no Sentinel answers")],
  [/Too many Cluster redirections/, meaning("UNAVAILABLE", "the cluster sent the request from server to server")],
  [
    /wrong version number|packet length too long|tlsv1 alert|ssl3_|SSL alert|EPROTO/i,
    meaning(
      "DENIED",
      "the TLS handshake failed: the server speaks no TLS, or asks for client_cert and client_key",
      false,
    ),
  ],
];

/**
 * Maps what the client or the server answered. `inDoubt`: the request would have changed something and has left, so that
 * only a refusal of the server proves that it was not applied.
 */
export function toStoreError(cause: unknown, inDoubt: boolean): StoreError {
  if (StoreError.is(cause)) return cause;
  const refusal = isReply(cause) ? refusalOf(cause.message) : undefined;
  const { code, reason, retryable } =
    refusal ??
    connectionOf(cause) ??
    meaning("INTERNAL", "the request failed in a way that is not known; the cause tells it");
  const outcome = inDoubt && refusal === undefined ? "unknown" : "none";
  return new StoreError(code, reason, {
    outcome,
    cause: withoutSecrets(cause),
    ...(retryable !== undefined && { retryable }),
  });
}

/** Whether this means that there is no connection, as against an answer. */
export function isConnectionError(cause: unknown): boolean {
  return !isReply(cause) && connectionOf(cause)?.code === "UNAVAILABLE";
}

/** A cluster's error tells the last one of its servers. */
export function rootOf(error: unknown): unknown {
  return error instanceof Error && "lastNodeError" in error ? (error.lastNodeError ?? error) : error;
}

/** The first word of a server's refusal, such as `NOSCRIPT`. */
export function refusalWord(cause: unknown): string {
  return isReply(cause) ? firstWord(cause.message) : "";
}

function refusalOf(message: string): Meaning | undefined {
  const word = firstWord(message);
  if (Object.hasOwn(REFUSALS, word)) return REFUSALS[word];
  return BY_TEXT.find(([pattern]) => pattern.test(message))?.[1];
}

/** Redis 6.2 wraps what a script ran into: `ERR Error running script (call to f_…): @user_script:5: …: -OOM command …`. */
function firstWord(message: string): string {
  const inner = /^ERR Error running script .*?-([A-Z]+) /.exec(message)?.[1];
  return inner ?? /^[A-Z]+/.exec(message)?.[0] ?? "";
}

function connectionOf(cause: unknown): Meaning | undefined {
  if (!(cause instanceof Error)) return undefined;
  const code = "code" in cause && typeof cause.code === "string" ? cause.code : "";
  if (Object.hasOwn(CONNECTION, code)) return CONNECTION[code];
  return CLIENT.find(([pattern]) => pattern.test(`${code} ${cause.message}`))?.[1];
}

function isReply(cause: unknown): cause is Error {
  return cause instanceof Error && cause.name === "ReplyError";
}

/** The client's errors carry the arguments of the command, among them passwords and values. */
function withoutSecrets(cause: unknown): unknown {
  if (!(cause instanceof Error)) return undefined;
  const copy = new Error(cause.message.replace(/, with args beginning with:.*$/s, ""));
  copy.name = cause.name;
  const code = "code" in cause ? cause.code : undefined;
  return code === undefined ? copy : Object.assign(copy, { code });
}
