import type { Clock, LayerName } from "@orbit/persistence";
import type { StoreDriver } from "@orbit/persistence/driver";

/**
 * Moves the backend's time, such as the manual clock that an embedded driver was given. Where it is a whole clock, it is
 * also that of the stores in laws about the end of leases.
 */
export interface BackendClock extends Partial<Clock> {
  advance(ms: number): Promise<void> | void;
}

/** Ends a fault. Resolves when the backend can be reached as before; what is still under way may be cut by it. */
export type Heal = () => Promise<void>;

/**
 * Breaks the link between drivers and their backend, and the backend itself. The kit makes one fault at a time, heals it
 * before the next, and looks past the link at what is true through {@link Harness.open}.
 */
export interface Faults {
  /** Makes a NEW driver instance, not yet open, over the backend of {@link Harness.open}, but through the link. */
  readonly open: () => StoreDriver | Promise<StoreDriver>;
  /** Requests reach the backend and its answers are lost. The connections die, when it is healed at the latest. */
  dropAnswers(): Promise<Heal>;
  /** Connections are cut, and new ones refused. */
  refuse(): Promise<Heal>;
  /** Nothing passes in either direction. Connections stay open, and new ones do not get anywhere. */
  hang(): Promise<Heal>;
  /** Every answer comes so many milliseconds later. */
  delay(ms: number): Promise<Heal>;
  /** The backend answers every request that it is asked for too much. */
  throttle?(): Promise<Heal>;
  /** Kills the backend as `kill -9` does and starts it again. Resolves when it serves. */
  restart?(): Promise<void>;
  /** Makes another server the leader, the present one killed. Resolves when it serves. */
  failover?(): Promise<void>;
  /** Drops the changes kept for streams that resume, as a compaction does: every cursor until now is too old. */
  forgetChanges?(): Promise<void>;
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
  /** Without it the laws about failures are reported as not given. */
  readonly faults?: Faults;
}

/** The groups of laws. */
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
  J: "Watch",
  K: "Failures",
  L: "Operations",
  M: "Generated histories",
} as const;

export type GroupId = keyof typeof GROUPS;

/**
 * `not-applicable`: the driver does not declare the capability, and it was proved that its use is refused.
 * `not-given`: the harness can't make the fault that the law needs, so that nothing was proved.
 */
export type Outcome = "passed" | "not-applicable" | "not-given";

/** One law, ready to run against the harness's driver. */
export interface Spec {
  readonly group: GroupId;
  readonly name: string;
  /** The layer it runs through; absent for the bare driver. */
  readonly layer: LayerName | undefined;
  /** Whether the harness can make the fault that the law needs, if any. */
  readonly given: boolean;
  /** Opens what it needs, proves the law, closes what it opened. Rejects with {@link LawBroken} when it is broken. */
  run(): Promise<Outcome>;
}
