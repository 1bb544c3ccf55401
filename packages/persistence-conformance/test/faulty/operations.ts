import type { StoreDriver } from "@orbit/persistence/driver";

import type { Harness } from "../../src/index.ts";
import { type Faulty, faultyMap } from "./faulty.ts";

export const operationFaults: readonly Faulty[] = [
  faultyMap("does not measure the latency of its health", ["L"], () => ({
    health: async () => ({ status: "healthy", latencyMs: Number.NaN }),
  })),
  faultyMap("is degraded without saying why", ["L"], () => ({
    health: async () => ({ status: "degraded", latencyMs: 0 }),
  })),
  passwordShown("shows its password when it is inspected"),
];

function passwordShown(name: string): Faulty {
  const sound = faultyMap(name, ["L"], () => ({}));
  const password = "correct horse battery staple";
  const harness = (): Harness => {
    const inner = sound.harness();
    const open = async (): Promise<StoreDriver> => {
      const driver = await inner.open();
      return Object.assign(driver, { options: { user: "orbit", password } });
    };
    return { ...inner, secrets: [password], open };
  };
  return { ...sound, harness };
}
