export { manualClock, type ManualClock } from "./manual-clock.ts";
export { mapCapabilities, mapData, mapDriver, type MapData } from "./map-driver.ts";
export { seededRandom } from "./seeded-random.ts";
