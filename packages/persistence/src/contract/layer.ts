import type { StoreDriver } from "./driver.ts";

/** The one order of layers, outermost first; checked when a store is composed. */
export const LAYER_ORDER = [
  "trace",
  "metrics",
  "breaker",
  "retry",
  "timeout",
  "limit",
  "compress",
  "encrypt",
  "prefix",
  "chaos",
] as const;

export type LayerName = (typeof LAYER_ORDER)[number];

/** Adds one policy to a driver. A layer passes the whole conformance suite. */
export interface Layer {
  (inner: StoreDriver): StoreDriver;
  readonly layer: LayerName;
}
