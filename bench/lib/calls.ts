import type { StoreDriver } from "@orbit/persistence/driver";

import type { Calls } from "./result.ts";

export interface Counted {
  readonly driver: StoreDriver;
  /** Runs some work and tells which calls it made of the driver. */
  readonly during: (work: () => Promise<unknown>) => Promise<Calls>;
}

/** Counts the calls of a driver's methods. */
export function countCalls(inner: StoreDriver): Counted {
  let calls: Record<string, number> = {};
  const driver = new Proxy(inner, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== "function" || typeof name !== "string") return member;
      return (...args: unknown[]): unknown => {
        calls[name] = (calls[name] ?? 0) + 1;
        return Reflect.apply(member, target, args);
      };
    },
  });
  const during = async (work: () => Promise<unknown>): Promise<Calls> => {
    calls = {};
    await work();
    return { ...calls };
  };
  return { driver, during };
}
