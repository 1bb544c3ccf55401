import { mapData, mapDriver } from "@orbit/persistence/testing";
import { describe, it } from "vitest";

import { registerConformance } from "../src/index.ts";
import { fullData, fullDriver } from "./full-driver.ts";

const data = mapData();
registerConformance({ describe, it }, { name: "map", open: () => mapDriver({ data }), layers: true });

const full = fullData();
registerConformance({ describe, it }, { name: "full", clock: full.clock, open: () => fullDriver(full), layers: true });
