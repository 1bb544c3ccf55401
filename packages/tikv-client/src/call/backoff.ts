/** How long to sleep before another try, by what went wrong: `base` doubles up to `cap`, both in milliseconds. */
export interface Curve {
  readonly base: number;
  readonly cap: number;
  /** `equal`: half of it is left to chance. */
  readonly jitter: "none" | "equal";
}

export type BackoffKind =
  | "tikvRpc"
  | "pdRpc"
  | "regionMiss"
  | "regionScheduling"
  | "tikvServerBusy"
  | "tikvDiskFull"
  | "regionRecovery"
  | "staleCommand"
  | "maxTsNotSynced"
  | "regionNotInitialized"
  | "isWitness";

/** client-go's figures (config/retry/config.go), so that both kinds of clients press a cluster in trouble alike. */
export const BACKOFFS: Readonly<Record<BackoffKind, Curve>> = {
  tikvRpc: { base: 100, cap: 2_000, jitter: "equal" },
  pdRpc: { base: 500, cap: 3_000, jitter: "equal" },
  regionMiss: { base: 2, cap: 500, jitter: "none" },
  regionScheduling: { base: 2, cap: 500, jitter: "none" },
  tikvServerBusy: { base: 2_000, cap: 10_000, jitter: "equal" },
  tikvDiskFull: { base: 500, cap: 5_000, jitter: "none" },
  regionRecovery: { base: 100, cap: 10_000, jitter: "equal" },
  staleCommand: { base: 2, cap: 1_000, jitter: "none" },
  maxTsNotSynced: { base: 2, cap: 500, jitter: "none" },
  regionNotInitialized: { base: 2, cap: 1_000, jitter: "none" },
  isWitness: { base: 1_000, cap: 10_000, jitter: "equal" },
};

/** Gives the milliseconds of the sleep after `attempts` earlier ones of its kind. */
export function sleepMs(kind: BackoffKind, attempts: number, random: () => number): number {
  const { base, cap, jitter } = BACKOFFS[kind];
  const ms = Math.min(cap, base * 2 ** attempts);
  return jitter === "none" ? ms : ms / 2 + random() * (ms / 2);
}
