import type { Ablation } from "./ablation.ts";
import { CLOCKS } from "./clocks.ts";
import { FENCES } from "./fences.ts";
import { GUARDED } from "./guarded.ts";
import { LEASES } from "./leases.ts";
import { OUTCOMES } from "./outcomes.ts";

export type { Ablation } from "./ablation.ts";

/** Every rule of docs/lease-protocol.md, switched off in one way or more. */
export const ABLATIONS: readonly Ablation[] = [...FENCES, ...LEASES, ...GUARDED, ...OUTCOMES, ...CLOCKS];
