import {
  breaker,
  chaos,
  type Clock,
  compress,
  encrypt,
  keyRing,
  type Layer,
  type LayerName,
  limit,
  prefix,
  retry,
  systemClock,
  timeout,
} from "@orbit/persistence";

/** A layer as the kit puts it around a driver. Its clock is the store's, whose deadlines it reads. */
export interface LayerUnderProof {
  readonly name: LayerName;
  readonly make: (clock?: Clock) => Layer;
  /** It reads values as envelopes, so that laws at the driver, which write plain bytes, do not reach through it. */
  readonly readsValues: boolean;
}

const keys = keyRing({ active: "k1", keys: { k1: Buffer.alloc(32, "conformance") } });

/** Every layer that changes what passes, outermost first; `trace` and `metrics` are in every store. */
export const LAYERS: readonly LayerUnderProof[] = [
  { name: "breaker", readsValues: false, make: (clock = systemClock) => breaker({ clock }) },
  { name: "retry", readsValues: false, make: (clock = systemClock) => retry({ clock }) },
  { name: "timeout", readsValues: false, make: (clock = systemClock) => timeout({ operationMs: 15_000, clock }) },
  {
    name: "limit",
    readsValues: false,
    make: (clock = systemClock) => limit({ concurrency: 16, queue: 10_000, clock }),
  },
  { name: "compress", readsValues: true, make: () => compress({ thresholdBytes: 32 }) },
  { name: "encrypt", readsValues: true, make: () => encrypt({ keys }) },
  { name: "prefix", readsValues: false, make: () => prefix({ prefix: "conformance." }) },
  { name: "chaos", readsValues: false, make: (clock = systemClock) => chaos({ clock }) },
];
