import type { Bench, Level } from "./bench.ts";
import type { Faults } from "./harness.ts";
import type { Need } from "./traits/unsupported.ts";

/** One thing that every driver must do. */
export interface Law {
  /** A sentence: what holds. */
  readonly name: string;
  readonly levels: readonly Level[];
  /** Without one of these capabilities its refusal is proved instead. */
  readonly needs: readonly Need[];
  /** The fault that it makes; it is proved where the harness can make it. */
  readonly fault: keyof Faults | undefined;
  readonly prove: (bench: Bench) => Promise<void>;
}

interface LawOptions {
  readonly needs?: readonly Need[];
  readonly fault?: keyof Faults;
}

type Prove = (bench: Bench) => Promise<void>;

/** A law of the driver itself. */
export function driverLaw(name: string, prove: Prove, { needs = [], fault }: LawOptions = {}): Law {
  return { name, levels: ["driver"], needs, fault, prove };
}

/** A law of the store over the driver. */
export function storeLaw(name: string, prove: Prove, { needs = [], fault }: LawOptions = {}): Law {
  return { name, levels: ["store"], needs, fault, prove };
}

/** A law that is proved at both. */
export function law(name: string, prove: Prove, { needs = [], fault }: LawOptions = {}): Law {
  return { name, levels: ["driver", "store"], needs, fault, prove };
}
