import { expect, test } from "vitest";

import { compose, LAYER_ORDER, type LayerName, type StoreDriver } from "../src/driver.ts";
import { breaker, chaos, compress, encrypt, keyRing, type Layer, limit, prefix, retry, timeout } from "../src/index.ts";
import { metrics } from "../src/layers/metrics.ts";
import { trace } from "../src/layers/trace.ts";
import { mapDriver } from "../src/testing/index.ts";
import { failure } from "./support.ts";

const keys = keyRing({ active: "k", keys: { k: new Uint8Array(32) } });
const LAYERS: Readonly<Record<LayerName, () => Layer>> = {
  trace,
  metrics,
  breaker,
  retry,
  timeout: () => timeout({ operationMs: 5 }),
  limit: () => limit({ concurrency: 1, queue: 0 }),
  compress,
  encrypt: () => encrypt({ keys }),
  prefix: () => prefix({ prefix: "p." }),
  chaos: () => chaos({}),
};
test("layers stand in one order, each at most once", async () => {
  const driver = mapDriver();
  expect(
    compose(
      driver,
      LAYER_ORDER.map((name) => LAYERS[name]()),
    ).name,
  ).toBe("map");
  for (const [at, outer] of LAYER_ORDER.entries()) {
    for (const inner of LAYER_ORDER.slice(0, at + 1)) {
      const error = await failure(() => compose(driver, [LAYERS[outer](), LAYERS[inner]()]));
      expect(error.code).toBe("INVALID_ARGUMENT");
      expect(error.message).toContain(`found ${outer} > ${inner}`);
      expect(error.message).toContain("breaker > retry > timeout > limit > compress > encrypt > prefix > chaos");
    }
  }
  const stranger = Object.assign((inner: StoreDriver) => inner, { layer: "cache" as LayerName });
  expect((await failure(() => compose(driver, [stranger]))).code).toBe("INVALID_ARGUMENT");
});

test.each<readonly [string, () => unknown]>([
  ["attempts", () => retry({ attempts: 0 })],
  ["baseMs", () => retry({ baseMs: -1 })],
  ["maxMs", () => retry({ maxMs: Number.NaN })],
  ["operationMs", () => timeout({ operationMs: 0 })],
  ["concurrency", () => limit({ concurrency: 0, queue: 1 })],
  ["queue", () => limit({ concurrency: 1, queue: 1.5 })],
  ["failures", () => breaker({ failures: 0 })],
  ["resetMs", () => breaker({ resetMs: 0 })],
  ["halfOpen", () => breaker({ halfOpen: 0 })],
  ["codec", () => compress({ codec: "brotli" as "zstd" })],
  ["thresholdBytes", () => compress({ thresholdBytes: -1 })],
  ["keys", () => encrypt({ keys: {} as typeof keys })],
  ["prefix", () => prefix({ prefix: "Team/" })],
  ["prefix", () => prefix({ prefix: "" })],
  ["prefix", () => prefix({ prefix: "team-7." })],
  ["failBefore", () => chaos({ failBefore: 1.5 })],
  ["duplicate", () => chaos({ duplicate: Number.NaN })],
])("a bad %s is refused when the layer is made", async (name, make) => {
  const error = await failure(make);
  expect(error.code).toBe("INVALID_ARGUMENT");
  expect(error.message).toContain(name);
});
