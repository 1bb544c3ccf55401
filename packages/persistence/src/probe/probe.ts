import type { CallOptions, StoreDriver } from "../contract/driver.ts";
import type { Put, Version } from "../contract/entry.ts";
import { StoreError } from "../contract/error.ts";
import { encodePart } from "../keys/codec.ts";
import { type Random, randomHex } from "../runtime/random.ts";

/** What the probe found; it corrects the declared capabilities. */
export interface Probed {
  /** A stale conditional delete was refused. */
  readonly conditionalDelete: boolean;
}

/**
 * Proves on random keys that the backend honours conditions: servers and emulators that accept a condition and ignore
 * it exist. Throws `UNSUPPORTED` naming what failed. Stale deletes that are let through are reported instead, since
 * tombstones can replace deletes.
 */
export async function probe(driver: StoreDriver, random: Random, options?: CallOptions): Promise<Probed> {
  const id = randomHex(random, 12);
  const key = (name: string): string => `${encodePart("orbit")}-probe-${id}-${name}`;
  const value = (): Uint8Array => random.fill(new Uint8Array(24));
  const main = key("a");
  const refuse = (what: string): StoreError =>
    new StoreError("UNSUPPORTED", `the backend failed the probe at open: ${what}`, {
      provider: driver.name,
      operation: "open",
    });
  const mustLose = (answer: Put, what: string): void => {
    if (answer.ok) throw refuse(`${what} was accepted`);
  };
  const mustWin = (answer: Put, what: string): Version => {
    if (!answer.ok) throw refuse(`${what} was refused`);
    return answer.version;
  };

  let found: Probed;
  try {
    const first = mustWin(await driver.put(main, value(), "absent", options), "a create of a new key");
    const again = await driver.put(main, value(), "absent", options);
    mustLose(again, "a second create of the same key");
    if (!again.ok && again.current?.version !== first) throw refuse("a conflict did not carry the entry that won");
    const second = mustWin(
      await driver.put(main, value(), { version: first }, options),
      "an update under the current version",
    );
    if (second === first) throw refuse("an update left the version as it was");
    mustLose(await driver.put(main, value(), { version: first }, options), "an update under a stale version");
    mustLose(await driver.put(key("b"), value(), { version: first }, options), "an update of a missing key");
    if ((await driver.get(main, options))?.version !== second) throw refuse("a read did not see the latest write");
    const conditionalDelete = !(await driver.delete(main, { version: first }, options)).ok;
    if (conditionalDelete && !(await listed(driver, main, options)))
      throw refuse("a listing did not show a written key");
    if (driver.commit !== undefined) await probeCommit(driver, key, value, refuse, options);
    found = { conditionalDelete };
  } catch (error) {
    await Promise.allSettled(cleanUp(driver, key, options));
    // A full embedded store must still open for reads and deletes. It is no server that could be another than expected.
    const full = StoreError.is(error) && error.code === "FULL" && driver.capabilities.scope !== "cluster";
    if (full) return { conditionalDelete: driver.capabilities.conditionalDelete };
    throw error;
  }
  await Promise.all(cleanUp(driver, key, options));
  return found;
}

async function listed(driver: StoreDriver, key: string, options: CallOptions | undefined): Promise<boolean> {
  for await (const page of driver.scan({ prefix: key, keysOnly: true }, options)) {
    if (page.some((entry) => entry.key === key)) return true;
  }
  return false;
}

/** Stale checks must stop a commit whole, and two commits that each check what the other writes must not both win. */
async function probeCommit(
  driver: StoreDriver,
  key: (name: string) => string,
  value: () => Uint8Array,
  refuse: (what: string) => StoreError,
  options: CallOptions | undefined,
): Promise<void> {
  const commit = driver.commit!.bind(driver);
  const [c, d] = [key("c"), key("d")];
  const created = await commit(
    [],
    [
      { type: "put", key: c, value: value(), when: "absent" },
      { type: "put", key: d, value: value(), when: "absent" },
    ],
    options,
  );
  const [versionC, versionD] = created.ok ? created.versions : [];
  if (versionC === undefined || versionD === undefined) throw refuse("a commit of two creates was refused");
  const half = await commit(
    [{ key: c, when: "absent" }],
    [{ type: "put", key: d, value: value(), when: { version: versionD } }],
    options,
  );
  if (half.ok || (await driver.get(d, options))?.version !== versionD)
    throw refuse("a commit with a failed check was applied");
  const skew = await Promise.all([
    commit(
      [{ key: c, when: { version: versionC } }],
      [{ type: "put", key: d, value: value(), when: "always" }],
      options,
    ),
    commit(
      [{ key: d, when: { version: versionD } }],
      [{ type: "put", key: c, value: value(), when: "always" }],
      options,
    ),
  ]);
  if (skew.every((answer) => answer.ok))
    throw refuse("two commits, each checking what the other wrote, were both applied");
}

/** The keys are random and ours alone, so that unconditional deletes are safe. */
function cleanUp(
  driver: StoreDriver,
  key: (name: string) => string,
  options: CallOptions | undefined,
): Promise<unknown>[] {
  return ["a", "b", "c", "d"].map((name) => driver.delete(key(name), "always", options));
}
