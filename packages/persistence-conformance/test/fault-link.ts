import type { Cursor } from "@orbit/persistence";
import { type Around, type DriverOperation, type StoreDriver, StoreError, wrapDriver } from "@orbit/persistence/driver";

import type { Faults, Heal } from "../src/index.ts";

const CHANGING: ReadonlySet<DriverOperation> = new Set(["put", "delete", "write", "commit", "session"]);
type State = "open" | "dropping" | "refusing" | "hanging";

/** A network in memory between drivers and their backend. What is under way on it is cut when a fault ends or begins. */
export class FaultLink {
  state: State = "open";
  delayMs = 0;
  isThrottled = false;
  /** How often connections were cut. */
  cuts = 0;
  #cut = Promise.withResolvers<void>();

  /** Ends every connection. */
  cut(): void {
    this.cuts += 1;
    this.#cut.resolve();
    this.#cut = Promise.withResolvers();
  }

  readonly around: Around = async (call, options, run) => {
    const lost = (): StoreError =>
      new StoreError("UNAVAILABLE", "the connection was cut", {
        outcome: CHANGING.has(call.operation) ? "unknown" : "none",
      });
    if (this.state === "refusing") throw new StoreError("UNAVAILABLE", "the connection was refused");
    if (this.isThrottled) throw new StoreError("THROTTLED", "too many requests");
    const cut = this.#cut.promise.then(() => {
      throw lost();
    });
    cut.catch(() => undefined);
    if (this.state === "hanging") return cut;
    const answer = await Promise.race([run(options), cut]);
    if (this.delayMs > 0) await new Promise((resolve) => setTimeout(resolve, this.delayMs));
    return this.state === "open" ? answer : cut;
  };

  /** The driver that a plugin would write over this network: it connects anew by itself. */
  drive(inner: StoreDriver): StoreDriver {
    const driver = wrapDriver(inner, this.around);
    driver.open = async (options) => {
      await this.around({ operation: "health" }, options, async () => undefined);
      await inner.open(options);
    };
    const { watch } = driver;
    if (watch !== undefined) driver.watch = (range, options) => this.#follow(watch, range, options);
    return driver;
  }

  /** A stream that opens itself anew where it was cut. */
  async *#follow(
    watch: NonNullable<StoreDriver["watch"]>,
    range: Parameters<NonNullable<StoreDriver["watch"]>>[0],
    options: Parameters<NonNullable<StoreDriver["watch"]>>[1],
  ): ReturnType<NonNullable<StoreDriver["watch"]>> {
    for (let from = range.from; ;) {
      try {
        for await (const item of watch({ ...range, ...(from !== undefined && { from }) }, options)) {
          from = "type" in item ? item.cursor : (item.at(-1)?.cursor ?? ("" as Cursor));
          yield item;
        }
        return;
      } catch (error) {
        if (!StoreError.is(error) || error.code !== "UNAVAILABLE") throw error;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }
  }
}

/** The faults of a link in memory. `restart` is what the backend does then; it loses nothing by default. */
export function linkFaults(
  link: FaultLink,
  open: () => StoreDriver,
  { restart, forgetChanges }: { readonly restart?: () => void; readonly forgetChanges?: () => void } = {},
): Faults {
  const enter = async (state: State): Promise<Heal> => {
    if (state === "refusing") link.cut();
    link.state = state;
    return async () => {
      link.state = "open";
      link.cut();
    };
  };
  const crash = async (): Promise<void> => {
    const heal = await enter("refusing");
    restart?.();
    await heal();
  };
  return {
    open: () => link.drive(open()),
    dropAnswers: () => enter("dropping"),
    refuse: () => enter("refusing"),
    hang: () => enter("hanging"),
    async delay(ms) {
      link.delayMs = ms;
      return async () => {
        link.delayMs = 0;
      };
    },
    async throttle() {
      link.isThrottled = true;
      return async () => {
        link.isThrottled = false;
      };
    },
    restart: crash,
    failover: crash,
    ...(forgetChanges !== undefined && { forgetChanges: async () => forgetChanges() }),
  };
}
