import type { Law } from "../law.ts";
import { cutLeases } from "./k-cut-leases.ts";
import { cutWrites } from "./k-cut-writes.ts";
import { outages } from "./k-outages.ts";
import { recovery } from "./k-recovery.ts";

/** What a driver and the store over it tell while the backend can't be reached, and what is true afterwards. */
export const failures: readonly Law[] = [...cutWrites, ...cutLeases, ...outages, ...recovery];
