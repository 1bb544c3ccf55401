import type { StoreDriver, Version } from "@orbit/persistence/driver";

import { type Faulty, faultyMap, isData } from "./faulty.ts";

const pause = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
type CommitOf = NonNullable<StoreDriver["commit"]>;

const onData = (sound: StoreDriver["commit"], faulty: CommitOf): { commit: CommitOf } => ({
  commit: async (checks, ops) =>
    [...checks, ...ops].every(({ key }) => isData(key))
      ? faulty(checks, ops)
      : (sound?.(checks, ops) ?? { ok: false, conflicts: [] }),
});

export const transactionFaults: readonly Faulty[] = [
  faultyMap("applies the writes of a commit one by one and does not take them back", ["I"], (driver) =>
    onData(driver.commit, async (checks, ops) => {
      const checked = await driver.commit?.(checks, []);
      if (checked?.ok !== true) return checked ?? { ok: false, conflicts: [] };
      const versions: (Version | undefined)[] = [];
      for (const op of ops) {
        const answer =
          op.type === "put" ? await driver.put(op.key, op.value, op.when) : await driver.delete(op.key, op.when);
        if (!answer.ok) return { ok: false, conflicts: [{ key: op.key, current: answer.current }] };
        versions.push("version" in answer ? (answer.version as Version) : undefined);
      }
      return { ok: true, versions };
    }),
  ),
  faultyMap("checks before it commits, so that a check does not hold at the commit point", ["I"], (driver) =>
    onData(driver.commit, async (checks, ops) => {
      const checked = await driver.commit?.(checks, []);
      if (checked?.ok !== true) return checked ?? { ok: false, conflicts: [] };
      await pause();
      return driver.commit?.([], ops) ?? { ok: false, conflicts: [] };
    }),
  ),
  faultyMap("does not look at checks for absence", ["I"], (driver) =>
    onData(
      driver.commit,
      async (checks, ops) =>
        (await driver.commit?.(
          checks.filter(({ when }) => when !== "absent"),
          ops,
        )) ?? { ok: false, conflicts: [] },
    ),
  ),
  faultyMap("reports a conflict of a commit without its key", ["I"], (driver) =>
    onData(driver.commit, async (checks, ops) => {
      const answer = await driver.commit?.(checks, ops);
      if (answer === undefined || answer.ok) return answer ?? { ok: false, conflicts: [] };
      const first = [...checks, ...ops][0]?.key ?? "";
      return { ok: false, conflicts: [{ key: first, current: undefined }] };
    }),
  ),
  faultyMap("returns the versions of a commit in another order", ["I"], (driver) =>
    onData(driver.commit, async (checks, ops) => {
      const answer = await driver.commit?.(checks, ops);
      if (answer?.ok !== true) return answer ?? { ok: false, conflicts: [] };
      return { ok: true, versions: answer.versions.toReversed() };
    }),
  ),
  faultyMap("confirms a commit of checks alone without looking", ["I"], (driver) =>
    onData(driver.commit, async (checks, ops) =>
      ops.length === 0
        ? { ok: true, versions: [] }
        : ((await driver.commit?.(checks, ops)) ?? { ok: false, conflicts: [] }),
    ),
  ),
  faultyMap("shows a commit half applied", ["I"], (driver) =>
    onData(driver.commit, async (checks, ops) => {
      const [first, ...rest] = ops;
      if (first === undefined || rest.length === 0 || ops.some(({ when }) => typeof when === "string")) {
        return (await driver.commit?.(checks, ops)) ?? { ok: false, conflicts: [] };
      }
      const half = await driver.commit?.(
        [...checks, ...rest.map(({ key, when }) => ({ key, when: when as never }))],
        [first],
      );
      if (half?.ok !== true) return half ?? { ok: false, conflicts: [] };
      await pause();
      const whole = await driver.commit?.(
        [],
        rest.map((op) => ({ ...op, when: "always" })),
      );
      return whole?.ok === true
        ? { ok: true, versions: [...half.versions, ...whole.versions] }
        : { ok: false, conflicts: [] };
    }),
  ),
];
