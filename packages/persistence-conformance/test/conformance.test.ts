import { mapData, mapDriver } from "@orbit/persistence/testing";
import { describe, it } from "vitest";

import { registerConformance } from "../src/index.ts";

const data = mapData();

registerConformance({ describe, it }, { name: "map", open: () => mapDriver({ data }), layers: true });
