import type { Bench, Level } from "./bench.ts";
import type { Need } from "./traits/unsupported.ts";

/** One thing that every driver must do. */
export interface Law {
  /** A sentence: what holds. */
  readonly name: string;
  readonly levels: readonly Level[];
  /** Without one of these capabilities its refusal is proved instead. */
  readonly needs: readonly Need[];
  readonly prove: (bench: Bench) => Promise<void>;
}

interface LawOptions {
  readonly needs?: readonly Need[];
}

type Prove = (bench: Bench) => Promise<void>;

/** A law of the driver itself. */
export function driverLaw(name: string, prove: Prove, { needs = [] }: LawOptions = {}): Law {
  return { name, levels: ["driver"], needs, prove };
}

/** A law of the store over the driver. */
export function storeLaw(name: string, prove: Prove, { needs = [] }: LawOptions = {}): Law {
  return { name, levels: ["store"], needs, prove };
}

/** A law that is proved at both. */
export function law(name: string, prove: Prove, { needs = [] }: LawOptions = {}): Law {
  return { name, levels: ["driver", "store"], needs, prove };
}
