import type { ScheduleName } from "../schedules.ts";

/** One rule of docs/lease-protocol.md switched off, as an edit of the source; the simulation must find the break. */
export interface Ablation {
  /** 0: what the protocol takes for granted of a store. */
  readonly rule: number;
  readonly name: string;
  /** Each `find` stands exactly once in its file, relative to the package. */
  readonly edits: readonly { readonly file: string; readonly find: string; readonly replace: string }[];
  /** The order of requests that breaks, where a drawn one would be luck. */
  readonly schedule?: ScheduleName;
}

export const DIRECTORY = "src/directory/directory.ts";
export const GRANTS = "src/directory/grants.ts";
export const LEASE = "src/directory/lease.ts";
export const SWEEP = "src/directory/sweep.ts";
export const MEMBERSHIP = "src/membership/membership.ts";
export const NODE_SWEEP = "src/membership/sweep.ts";
export const LIFE = "src/membership/life.ts";
export const SESSION = "src/membership/session.ts";
export const BELIEF = "src/clockrules/belief.ts";
export const EXPIRY = "src/clockrules/expiry.ts";
export const CLAIMED = "src/guarded/claimed.ts";
export const COMMITTED = "src/guarded/committed.ts";
export const GUARDED_SWEEP = "src/guarded/sweep.ts";
export const RECORDS = "src/store/records.ts";
export const BACKEND = "test/simulation/backend.ts";

export function edit(file: string, find: string, replace: string): Ablation["edits"][number] {
  return { file, find, replace };
}
