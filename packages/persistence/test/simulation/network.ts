import { CONTRACT, type StoreDriver, StoreError, type When } from "../../src/driver.ts";
import type { Backend } from "./backend.ts";
import type { Machine, World } from "./world.ts";

/** Patient clients hold on to requests that are very late. */
const CLIENT_TIMEOUTS_MS = [40, 40, 300];

/** A request on its way. */
export interface Message {
  readonly what: string;
  /** Lets it reach the backend, whose answer then comes back. */
  readonly arrive: () => void;
  /** Tells the caller that there is no answer. The request may still arrive. */
  readonly giveUp: () => void;
}

/** A script's hand in the network of one process. */
export interface Script {
  readonly timeoutMs: number;
  /** Takes a request out of the network, to let it arrive later or not at all. */
  intercept(message: Message): boolean;
}

/** How a machine reaches a backend: messages are lost, delayed, repeated and overtaken. */
export function connect(
  world: World,
  machine: Machine,
  backend: Backend,
  script?: Script,
): { driver: StoreDriver; settle(): void } {
  // The probe at open is not what is under test.
  let calm = true;
  const timeoutMs = script?.timeoutMs ?? world.pick(CLIENT_TIMEOUTS_MS);
  const call = <T>(what: string, write: boolean, apply: () => T): Promise<T> => {
    if (calm) return Promise.resolve(apply());
    return new Promise((resolve, reject) => {
      const { faulty } = world;
      const slow = faulty && world.chance(0.1);
      const there = world.between(0.1, slow ? 250 : 8);
      const back = world.between(0.1, faulty && world.chance(0.05) ? 80 : 8);
      const lost = faulty && world.chance(0.04);
      const answerLost = faulty && world.chance(0.06);
      let over = false;
      const finish = (settle: () => void): void => {
        if (over) return;
        over = true;
        machine.deliver(settle);
      };
      const arrive = (copy: boolean): void => {
        const result = apply();
        world.log(`${machine.name} ${what}${copy ? " (copy)" : ""} at ${backend.name}: ${brief(result)}`);
        if (!copy && !answerLost) world.at(world.time + back, () => finish(() => resolve(result)));
      };
      const giveUp = (): void => finish(() => reject(noAnswer(write)));
      const held = script?.intercept({ what, arrive: () => arrive(false), giveUp }) ?? false;
      if (!held && !lost) world.at(world.time + there, () => arrive(false));
      if (write && faulty && world.chance(0.05))
        world.at(world.time + there + world.between(0, 300), () => arrive(true));
      machine.clock.after(timeoutMs, giveUp);
    });
  };
  return { driver: driverOf(backend, call), settle: () => (calm = false) };
}

function noAnswer(write: boolean): StoreError {
  return new StoreError("UNAVAILABLE", "no answer", { outcome: write ? "unknown" : "none", retryable: !write });
}

function driverOf(
  backend: Backend,
  call: <T>(what: string, write: boolean, apply: () => T) => Promise<T>,
): StoreDriver {
  return {
    name: backend.name,
    contract: CONTRACT,
    capabilities: backend.capabilities,
    open: async () => undefined,
    close: async () => undefined,
    get: (key) => call(`get ${key}`, false, () => backend.read(key)),
    put: (key, value, when, { ttlMs } = {}) =>
      call(`put ${key} ${condition(when)}`, true, () =>
        backend.apply({ type: "put", key, value, when, ...(ttlMs === undefined ? {} : { ttlMs }) }),
      ),
    delete: (key, when) =>
      call(`delete ${key} ${condition(when)}`, true, () => backend.apply({ type: "delete", key, when })),
    async *scan({ prefix, after, limit }) {
      yield await call(`scan ${prefix}`, false, () => backend.scan(prefix, after, limit));
    },
    health: async () => ({ status: "healthy", latencyMs: 0 }),
    ...(backend.capabilities.getMany && {
      getMany: (keys) => call(`get ${keys.join(" ")}`, false, () => keys.map((key) => backend.read(key))),
    }),
    ...(backend.capabilities.fences && {
      nextFence: (above) => call(`fence above ${above}`, false, () => backend.nextFence(above)),
    }),
    ...(backend.capabilities.commit !== "none" && {
      commit: (checks, ops) =>
        call(`commit ${ops.map(({ key, when }) => `${key} ${condition(when)}`).join(" ")}`, true, () =>
          backend.commit(checks, ops),
        ),
    }),
  };
}

function condition(when: When): string {
  return typeof when === "string" ? when : `v${when.version}`;
}

function brief(result: unknown): string {
  if (result === undefined) return "absent";
  if (typeof result === "bigint") return String(result);
  if (typeof result !== "object" || result === null) return typeof result;
  if ("ok" in result) return result.ok === true ? "ok" : "conflict";
  return "version" in result ? `v${String(result.version)}` : "page";
}
