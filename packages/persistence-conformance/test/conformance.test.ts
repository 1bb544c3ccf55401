import { manualClock, mapData, mapDriver } from "@orbit/persistence/testing";
import { describe, it } from "vitest";

import { registerConformance } from "../src/index.ts";
import { fullData, fullDriver } from "./full-driver.ts";

const runner = { describe, it };
const [real, moved, full] = [mapData(), mapData(), fullData()];
const clock = manualClock();

registerConformance(runner, { name: "map on real time", open: () => mapDriver({ data: real }) });

registerConformance(runner, { name: "map", clock, open: () => mapDriver({ data: moved, clock }), layers: true });

registerConformance(runner, { name: "full", clock: full.clock, open: () => fullDriver(full), layers: true });
