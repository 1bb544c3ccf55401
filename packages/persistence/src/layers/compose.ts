import type { StoreDriver } from "../contract/driver.ts";
import { StoreError } from "../contract/error.ts";
import { type Layer, LAYER_ORDER, type LayerName } from "../contract/layer.ts";

/** Names a function as a layer. */
export function defineLayer(name: LayerName, wrap: (inner: StoreDriver) => StoreDriver): Layer {
  return Object.assign((inner: StoreDriver) => wrap(inner), { layer: name });
}

/** Puts layers, given outermost first, around a driver. Throws `INVALID_ARGUMENT` when the one order is broken. */
export function compose(driver: StoreDriver, layers: readonly Layer[]): StoreDriver {
  checkOrder(layers);
  return layers.reduceRight((inner, layer) => layer(inner), driver);
}

/** Throws `INVALID_ARGUMENT` when layers, given outermost first, do not stand in the one order. */
export function checkOrder(layers: readonly Layer[]): void {
  let last = -1;
  for (const { layer } of layers) {
    const position = LAYER_ORDER.indexOf(layer);
    if (position <= last) {
      const order = LAYER_ORDER.join(" > ");
      const found = layers.map((each) => each.layer).join(" > ");
      throw new StoreError(
        "INVALID_ARGUMENT",
        `layers: expected each at most once in the order ${order}, found ${found}`,
      );
    }
    last = position;
  }
}
