import type { Item } from "./expiry.ts";

/** A session as the store keeps it. */
export interface SessionState {
  readonly id: string;
  readonly ttlMs: number;
  /** The instant from which it is over. */
  at: number;
  item: Item<string | SessionState> | undefined;
  readonly keys: Set<string>;
}
