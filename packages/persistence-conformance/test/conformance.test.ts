import type { StoreDriver } from "@orbit/persistence/driver";
import { manualClock, mapData, mapDriver } from "@orbit/persistence/testing";
import { describe, it } from "vitest";

import { registerConformance } from "../src/index.ts";
import { FaultLink, linkFaults } from "./fault-link.ts";
import { fullData, fullDriver } from "./full-driver.ts";
import { partitioned } from "./partitioned-driver.ts";

const runner = { describe, it };
const [real, moved, full] = [mapData(), mapData(), fullData()];
const clock = manualClock();

registerConformance(runner, { name: "map on real time", open: () => mapDriver({ data: real }) });

registerConformance(runner, { name: "map", clock, open: () => mapDriver({ data: moved, clock }), layers: true });

registerConformance(runner, { name: "full", clock: full.clock, open: () => fullDriver(full), layers: true });

const spread = fullData();
registerConformance(runner, {
  name: "partitioned",
  clock: spread.clock,
  open: () => partitioned(fullDriver(spread)),
  layers: ["prefix"],
});

const cut = fullData();
const open = (): StoreDriver => fullDriver(cut);
registerConformance(runner, {
  name: "full over a link",
  clock: cut.clock,
  open,
  faults: linkFaults(new FaultLink(), open, { forgetChanges: () => (cut.forgotten = cut.log.length) }),
});
