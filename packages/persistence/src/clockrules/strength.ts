import type { Capabilities } from "../contract/capabilities.ts";
import { StoreError } from "../contract/error.ts";

/** Refuses a store on which a failover can undo a grant, unless the caller allows it. */
export function checkStrength(capabilities: Capabilities, provider: string, what: string, allowWeak: boolean): void {
  const { consistency, durability, fencing } = capabilities;
  const strong =
    consistency === "linearizable" && (durability === "quorum" || durability === "disk") && fencing === "total";
  if (strong || allowWeak) return;
  const found = `consistency ${consistency}, durability ${durability}, fencing ${fencing}`;
  const reason =
    `${what} needs a store whose acknowledged writes survive a failover, found ${found}: ` +
    `a failover can undo a grant here; set allowWeak (allow_weak = true in a file) to accept best-effort fences`;
  throw new StoreError("UNSUPPORTED", reason, { provider });
}
