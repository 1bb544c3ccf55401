import { randomInt } from "node:crypto";

import type { Capabilities } from "@orbit/persistence";

import { describeError, LawBroken } from "./assert.ts";
import { Bench, type Level } from "./bench.ts";
import type { GroupId, Harness, Outcome, Spec } from "./harness.ts";
import type { Law } from "./law.ts";
import type { LayerUnderProof } from "./layers.ts";
import { type Need, NEEDS } from "./traits/unsupported.ts";

const DEFAULT_TIMEOUT_MS = 20_000;
const LAYER_SCALE = 0.25;

/** One run through all laws: over the bare driver, or through one layer. */
export class Pass {
  readonly #harness: Harness;
  readonly #layer: LayerUnderProof | undefined;
  readonly #refusals = new Map<Need, Promise<void>>();
  #capabilities: Promise<Capabilities> | undefined;

  constructor(harness: Harness, layer?: LayerUnderProof) {
    // What is proved of the driver need not be proved at full length again.
    this.#harness = layer === undefined ? harness : { ...harness, scale: (harness.scale ?? 1) * LAYER_SCALE };
    this.#layer = layer;
  }

  specs(group: GroupId, law: Law): readonly Spec[] {
    // Failures are met by the driver; what layers make of them is proved where the laws put one around it.
    if (law.fault !== undefined && this.#layer !== undefined) return [];
    const given = law.fault === undefined || this.#harness.faults?.[law.fault] !== undefined;
    const where = law.needs.length === 0 ? "" : ` (where ${law.needs.join(" and ")} is declared)`;
    return law.levels
      .filter((level) => level === "store" || this.#layer?.readsValues !== true)
      .map((level) => {
        const at = level === "driver" ? ", at the driver" : "";
        const name = `${law.name}${at}${where}`;
        return { group, name, layer: this.#layer?.name, given, run: () => this.#run(law, level, name, given) };
      });
  }

  async #run(law: Law, level: Level, name: string, given: boolean): Promise<Outcome> {
    try {
      this.#capabilities ??= this.#declared();
      const capabilities = await this.#capabilities;
      const undeclared = law.needs.find((need) => !NEEDS[need].declared(capabilities));
      if (undeclared !== undefined) {
        await this.#refusal(undeclared, capabilities);
        return "not-applicable";
      }
      if (!given) return "not-given";
      await this.#prove(law.prove, level, capabilities);
      return "passed";
    } catch (error) {
      if (error instanceof LawBroken) throw error;
      throw new LawBroken(name, "no error", describeError(error), error);
    }
  }

  /** The refusal of a capability is proved once, however many laws need it. */
  #refusal(need: Need, capabilities: Capabilities): Promise<void> {
    let refusal = this.#refusals.get(need);
    if (refusal === undefined) {
      refusal = this.#prove(NEEDS[need].refused, "store", capabilities);
      this.#refusals.set(need, refusal);
    }
    return refusal;
  }

  async #prove(prove: Law["prove"], level: Level, capabilities: Capabilities): Promise<void> {
    const layers = this.#layer === undefined ? [] : [this.#layer];
    const seed = this.#harness.seed ?? randomInt(2 ** 31);
    const bench = new Bench({ harness: this.#harness, level, capabilities, layers, seed });
    const timeoutMs = this.#harness.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    try {
      await within(prove(bench), timeoutMs, "every call settles");
    } catch (error) {
      // What the law found counts, whatever the end of a broken driver adds.
      await within(bench.close(), timeoutMs, "close settles").catch(() => undefined);
      throw error;
    }
    await within(bench.close(), timeoutMs, "close settles");
  }

  async #declared(): Promise<Capabilities> {
    const driver = await this.#harness.open();
    await driver.close();
    return driver.capabilities;
  }
}

/** Fails with `law` when `work` takes longer. */
async function within(work: Promise<void>, ms: number, law: string): Promise<void> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new LawBroken(law, `within ${ms} ms`, "it was still under way")), ms);
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
