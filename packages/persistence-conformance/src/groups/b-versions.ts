import { StoreError, type Version } from "@orbit/persistence";

import { describeError, equal, LawBroken, must, show } from "../assert.ts";
import { driverLaw, type Law, law, storeLaw } from "../law.ts";
import { holds, won } from "../traits/outcomes.ts";

/** Versions are opaque, name one state of one key, and are never used again. */
export const versions: readonly Law[] = [
  storeLaw("the version changes even when the bytes are equal", async (bench) => {
    const store = await bench.store();
    const seen: Version[] = [];
    for (let round = 0; round < 3; round += 1)
      seen.push(won(await store.put("a", bench.value("same"), "always"), "a write"));
    equal(new Set(seen).size, 3, "each write brings a new version, also of equal bytes");
    const first = seen[0] ?? ("" as Version);
    const stale = await store.put("a", bench.value("other"), { version: first });
    must(!stale.ok, "an update under the version of earlier equal bytes loses (ABA)", "a conflict", stale);
  }),

  law("a version is never used again, neither by rewriting nor by creating anew", async (bench) => {
    const kv = await bench.keyed();
    const key = bench.key("a");
    const seen = new Set<string>();
    let writes = 0;
    for (let round = 0; round < bench.rounds(12, 4); round += 1) {
      const created = won(await kv.put(key, bench.value("same"), "absent"), "a create of an absent key");
      const updated = won(
        await kv.put(key, bench.value("same"), { version: created }),
        "an update under the current version",
      );
      seen.add(created).add(updated);
      writes += 2;
      await kv.delete(key, "always");
      for (const version of [created, updated]) {
        const late = await kv.put(key, bench.value("late"), { version });
        must(!late.ok, "an update of a deleted key loses", "a conflict", late);
      }
    }
    equal(seen.size, writes, "no version is used twice over deletes and creates");
  }),

  law("a version from before a delete does not fit the entry created after it", async (bench) => {
    const kv = await bench.keyed();
    const key = bench.key("a");
    const before = won(await kv.put(key, bench.value("one"), "absent"), "a create of an absent key");
    await kv.delete(key, "always");
    const after = won(await kv.put(key, bench.value("one"), "absent"), "a create after a delete");
    const stale = await kv.put(key, bench.value("two"), { version: before });
    must(!stale.ok, "an update under a version from before the delete loses", "a conflict", stale);
    await holds(bench, kv, key, "one", after, "after that update");
  }),

  storeLaw("a malformed version is refused and never a blind write", async (bench) => {
    const store = await bench.store();
    const version = won(await store.put("a", bench.value("one"), "absent"), "a create of an absent key");
    for (const text of ["", "0", "*", "absent", "null", `${version}x`, version.slice(0, -1), " ", '"'] as Version[]) {
      for (const key of ["a", "missing"]) {
        const answers = [
          await refused(() => store.put(key, bench.value("blind"), { version: text })),
          await refused(() => store.delete(key, { version: text })),
        ];
        const quiet = answers.every((answer) => answer);
        must(
          quiet,
          `a write under the version ${show(text)} is refused`,
          "a conflict or INVALID_ARGUMENT",
          "it was applied",
        );
      }
    }
    await holds(bench, store, "a", "one", version, "after writes under malformed versions");
    equal(await store.get("missing"), undefined, "a write under a malformed version creates nothing");
  }),

  driverLaw("a malformed version is refused and never a blind write", async (bench) => {
    const driver = await bench.driver();
    const key = bench.key("a");
    const version = won(await driver.put(key, bench.value("one"), "absent"), "a create of an absent key");
    const { conditionalDelete } = bench.capabilities;
    for (const text of ["", "*", "no-such-version", " ", `${version}0`] as Version[]) {
      for (const at of [key, bench.key("missing")]) {
        const put = await refused(() => driver.put(at, bench.value("blind"), { version: text }));
        must(
          put,
          `an update under the version ${show(text)} is refused`,
          "a conflict or INVALID_ARGUMENT",
          "it was applied",
        );
        if (!conditionalDelete) continue;
        const deleted = await refused(() => driver.delete(at, { version: text }));
        must(
          deleted,
          `a delete under the version ${show(text)} is refused`,
          "a conflict or INVALID_ARGUMENT",
          "it was applied",
        );
      }
    }
    await holds(bench, driver, key, "one", version, "after writes under malformed versions");
    equal(await driver.get(bench.key("missing")), undefined, "a write under a malformed version creates nothing");
  }),

  law("the version of another key does not fit", async (bench) => {
    const kv = await bench.keyed();
    const [a, b] = [bench.key("a"), bench.key("b")];
    const versionA = won(await kv.put(a, bench.value("one"), "absent"), "a create of an absent key");
    const versionB = won(await kv.put(b, bench.value("two"), "absent"), "a create of an absent key");
    const foreign = await kv.put(a, bench.value("blind"), { version: versionB });
    must(!foreign.ok, "an update under another key's version loses", "a conflict", foreign);
    await holds(bench, kv, a, "one", versionA, "after an update under another key's version");
  }),

  law("a refused write leaves bytes and version as they were, and does not make the entry younger", async (bench) => {
    const kv = await bench.keyed();
    const key = bench.key("a");
    const first = won(await kv.put(key, bench.value("one"), "absent"), "a create of an absent key");
    const version = won(
      await kv.put(key, bench.value("two"), { version: first }),
      "an update under the current version",
    );
    const before = (await kv.get(key))?.ageMs;
    for (let round = 0; round < 3; round += 1) {
      await kv.put(key, bench.value("lost"), "absent");
      await kv.put(key, bench.value("lost"), { version: first });
      await holds(bench, kv, key, "two", version, "after refused writes");
    }
    const after = (await kv.get(key))?.ageMs;
    const slack = bench.capabilities.limits.ttlGranularityMs + bench.capabilities.limits.clockSkewMs;
    const older = before === undefined || (after !== undefined && after >= before - slack);
    must(older, "a refused write does not touch the age", `at least ${before} ms`, after);
  }),
];

/** Whether a write was refused: by a conflict or by a typed error. */
async function refused(write: () => Promise<{ readonly ok: boolean }>): Promise<boolean> {
  try {
    return !(await write()).ok;
  } catch (error) {
    if (StoreError.is(error) && error.code === "INVALID_ARGUMENT") return true;
    throw new LawBroken(
      "a malformed version is refused",
      "a conflict or INVALID_ARGUMENT",
      describeError(error),
      error,
    );
  }
}
