import { registerConformance } from "@orbit/persistence-conformance";
import { manualClock } from "@orbit/persistence/testing";
import { describe, it } from "vitest";

import { etcdLike, memory, memoryData, objectStore, redisLike, simulate } from "../src/index.ts";

for (const preset of [undefined, objectStore, etcdLike, redisLike]) {
  const clock = manualClock();
  const data = memoryData({ clock });
  const driver = () => memory({}, { data });
  const open = () => (preset === undefined ? driver() : simulate(driver(), preset, { clock }));
  registerConformance(
    { describe, it },
    {
      name: preset?.name ?? "memory",
      open,
      clock,
      layers: preset === undefined,
    },
  );
}
