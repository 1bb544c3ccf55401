import type { Clock, LayerName } from "@orbit/persistence";
import type { StoreDriver } from "@orbit/persistence/driver";

/**
 * Moves the backend's time, such as the manual clock that an embedded driver was given. Where it is a whole clock, it is
 * also that of the stores in laws about the end of leases.
 */
export interface BackendClock extends Partial<Clock> {
  advance(ms: number): Promise<void> | void;
}

/** What the kit must know of the driver that it is to prove. */
export interface Harness {
  /** Stands in titles and reports; the provider's name, and what it runs on where that matters. */
  readonly name: string;
  /** Makes a NEW driver instance, not yet open, over the same backend at each call. The kit opens and closes it. */
  readonly open: () => StoreDriver | Promise<StoreDriver>;
  /** Where the backend's time can be moved, laws about time take no real time. */
  readonly clock?: BackendClock;
  /** Runs everything again through each layer of `@orbit/persistence`, or through those named. */
  readonly layers?: boolean | readonly LayerName[];
  /** The longest that one law may take, in milliseconds; 20,000 by default. */
  readonly timeoutMs?: number;
  /** Multiplies the numbers of rounds and contenders, which follow the declared scope. 1 by default. */
  readonly scale?: number;
  /** Replays the random choices of an earlier run; its failures print it. */
  readonly seed?: number;
  /** Passwords and keys in the driver's options: they must appear in no error and no inspection. */
  readonly secrets?: readonly string[];
}

/** The groups of laws. J (watch) and M (generated histories) have room here. */
export const GROUPS = {
  A: "Contract",
  B: "Compare and set",
  C: "Leases",
  D: "Clocks",
  E: "Membership",
  F: "Keys and values",
  G: "Lists",
  H: "Bulk",
  I: "Transactions",
  L: "Operations",
} as const;

export type GroupId = keyof typeof GROUPS;

/** `not-applicable`: the driver does not declare the capability, and it was proved that its use is refused. */
export type Outcome = "passed" | "not-applicable";

/** One law, ready to run against the harness's driver. */
export interface Spec {
  readonly group: GroupId;
  readonly name: string;
  /** The layer it runs through; absent for the bare driver. */
  readonly layer: LayerName | undefined;
  /** Opens what it needs, proves the law, closes what it opened. Rejects with {@link LawBroken} when it is broken. */
  run(): Promise<Outcome>;
}
