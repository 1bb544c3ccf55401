import type { Version } from "@orbit/persistence";
import { type StoreDriver, StoreError } from "@orbit/persistence/driver";

import type { Harness } from "../../src/index.ts";
import { FaultLink, linkFaults } from "../fault-link.ts";
import { type FullData, fullData, fullDriver } from "../full-driver.ts";
import { broken, type Fault, type Faulty } from "./faulty.ts";

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

interface Broken {
  /** The driver over the link. */
  readonly driver: StoreDriver;
  readonly link: FaultLink;
  readonly shared: Map<string, unknown>;
}

/** Breaks a driver over a link, or what its backend does when it is started again. All else is sound and not run. */
function faultyLink(
  name: string,
  only: string,
  fault: (about: Broken) => Fault,
  restart: (data: FullData) => void = () => undefined,
): Faulty {
  const harness = (): Harness => {
    const [data, link, shared] = [fullData(), new FaultLink(), new Map<string, unknown>()];
    const open = (): StoreDriver => fullDriver(data);
    const faults = linkFaults(link, open, { restart: () => restart(data) });
    const openBroken = async (): Promise<StoreDriver> => {
      const driver = await faults.open();
      return broken(driver, fault({ driver, link, shared }));
    };
    return { name, scale: 0.2, timeoutMs: 800, clock: data.clock, open, faults: { ...faults, open: openBroken } };
  };
  return { name, red: ["K"], only: `K Failures ${only}`, harness };
}

/** Tries what was cut again, under the same condition or another, until it is answered. */
const again =
  (driver: StoreDriver, blindly: boolean): StoreDriver["put"] =>
  async (key, value, when, options) => {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await driver.put(key, value, attempt > 0 && blindly ? "always" : when, options);
      } catch (error) {
        if (!StoreError.is(error) || error.outcome !== "unknown") throw error;
        await pause(2);
      }
    }
  };

/** What a driver makes of an error of its connection. */
const mapped = (driver: StoreDriver, map: (error: StoreError) => StoreError): Fault => ({
  get: (key, options) => driver.get(key, options).catch((error: StoreError) => Promise.reject(map(error))),
  put: (key, value, when, options) =>
    driver.put(key, value, when, options).catch((error: StoreError) => Promise.reject(map(error))),
});

const losing =
  (lost: (key: string) => boolean) =>
  ({ slots }: FullData): void => {
    const keys = [...slots.keys()].filter((key) => lost(key));
    for (const key of keys.slice(-3)) slots.delete(key);
  };

export const failureFaults: readonly Faulty[] = [
  faultyLink(
    "sends again what was cut, and tells its own success as a conflict",
    "cut after it was sent",
    ({ driver }) => ({
      put: again(driver, false),
    }),
  ),
  faultyLink("sends again what was cut without its condition", "held up on its way", ({ driver }) => ({
    put: again(driver, true),
  })),
  faultyLink("tells what may have been applied as not applied", "cut after it was sent", ({ driver }) =>
    mapped(driver, ({ code, reason }) => new StoreError(code, reason)),
  ),
  faultyLink("tells what was held up as applied", "held up on its way", ({ driver, link }) => ({
    put: (key, value, when, options) =>
      driver.put(key, value, when, options).catch((error: unknown) => {
        if (!StoreError.is(error) || error.outcome !== "unknown" || link.state === "dropping") throw error;
        return { ok: true, version: "made up" as Version } as const;
      }),
  })),
  faultyLink("does not connect again", "after a cut", ({ driver, link }) => {
    let isCut = false;
    return {
      get(key, options) {
        isCut ||= link.state === "refusing";
        return isCut ? Promise.reject(new StoreError("UNAVAILABLE", "not connected")) : driver.get(key, options);
      },
    };
  }),
  faultyLink("can't be opened any more once it could not", "a store whose backend", ({ driver, shared }) => ({
    async open(options) {
      if (shared.has("failed")) throw new StoreError("UNAVAILABLE", "it failed before");
      await driver.open(options).catch((error: unknown) => {
        shared.set("failed", true);
        throw error;
      });
    },
  })),
  faultyLink(
    "waits at close for a backend that does not answer",
    "while nothing passes, an instance closes",
    ({ driver, link }) => ({
      async close() {
        while (link.state === "hanging") await pause(20);
        await driver.close();
      },
    }),
  ),
  faultyLink(
    "stops the event loop while its backend does not answer",
    "while nothing passes, every call ends",
    ({ driver, link }) => ({
      get(key, options) {
        if (link.state === "hanging") Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3_000);
        return driver.get(key, options);
      },
    }),
  ),
  faultyLink(
    "takes a backend that asks for fewer requests for one that is away",
    "a backend that asks for fewer",
    ({ driver }) =>
      mapped(driver, (error) => (error.code === "THROTTLED" ? new StoreError("UNAVAILABLE", error.reason) : error)),
  ),
  faultyLink("takes a refused connection for a defect of its own", "while connections are refused", ({ driver }) =>
    mapped(driver, (error) => (error.reason.includes("refused") ? new StoreError("INTERNAL", error.reason) : error)),
  ),
  faultyLink("is healthy while it is not connected", "while connections are refused", () => ({
    health: async () => ({ status: "healthy", latencyMs: 0 }),
  })),
  faultyLink("answers a slow call with the answer to another", "a slow backend", ({ driver, link, shared }) => ({
    async get(key, options) {
      const before = shared.get("before") as string | undefined;
      shared.set("before", key);
      return driver.get(link.delayMs > 0 ? (before ?? key) : key, options);
    },
  })),
  faultyLink("ends a stream in silence when its connection is cut", "over a cut a stream", ({ driver, link }) => ({
    async *watch(range, options) {
      const { cuts } = link;
      for await (const item of driver.watch?.(range, options) ?? []) {
        if (link.cuts !== cuts) return;
        yield item;
      }
    },
  })),
  faultyLink("goes on with a stream at the present after a cut", "over a cut a stream", ({ driver, link }) => ({
    async *watch(range, options) {
      let cuts = link.cuts;
      for await (const item of driver.watch?.(range, options) ?? []) {
        if (link.cuts !== cuts && !("type" in item)) {
          cuts = link.cuts;
          continue;
        }
        yield item;
      }
    },
  })),
  faultyLink("gives a session up at the first call that fails", "a session outlives", ({ driver, link }) => ({
    async session(ttlMs, options) {
      const session = await driver.session?.(ttlMs, options);
      if (session === undefined) throw new StoreError("UNSUPPORTED", "no sessions");
      let isOver = false;
      const keepAlive = async (): Promise<void> => {
        isOver ||= link.state !== "open";
        if (isOver) throw new StoreError("LEASE_LOST", "the session has ended");
        await session.keepAlive();
      };
      return { ...session, keepAlive };
    },
  })),
  faultyLink(
    "loses what it acknowledged when it is killed",
    "after a restart",
    () => ({}),
    losing((key) => /-data-w\d/.test(key)),
  ),
  faultyLink(
    "loses leases when it is killed",
    "over a restart leases",
    () => ({}),
    losing((key) => key.includes("-lease-")),
  ),
];
