import type { Version } from "@orbit/persistence";

import { equal, must } from "../assert.ts";
import { type Bench, type Keyed, range } from "../bench.ts";
import { driverLaw, type Law, law, storeLaw } from "../law.ts";
import { holds, isWinner, lost, won } from "../traits/outcomes.ts";
import { lostAnswers } from "./b-lost-answers.ts";
import { races } from "./b-races.ts";
import { versions } from "./b-versions.ts";

export const compareAndSet: readonly Law[] = [
  law("a create of an absent key wins and is read back under its version", async (bench) => {
    const { kv, key } = await start(bench);
    equal(await kv.get(key), undefined, "an absent key reads as undefined");
    const version = won(await kv.put(key, bench.value("one"), "absent"), "a create of an absent key");
    await holds(bench, kv, key, "one", version, "after a create");
  }),

  law("a second create loses, learns the winner and changes nothing", async (bench) => {
    const { kv, key } = await start(bench);
    const version = won(await kv.put(key, bench.value("one"), "absent"), "a create of an absent key");
    const second = await kv.put(key, bench.value("two"), "absent");
    lost(bench, second, key, "one", version, "a second create");
    await holds(bench, kv, key, "one", version, "after a second create");
  }),

  law("an update under the current version wins and brings a new version", async (bench) => {
    const { kv, key } = await start(bench);
    const first = won(await kv.put(key, bench.value("one"), "absent"), "a create of an absent key");
    const second = won(
      await kv.put(key, bench.value("two"), { version: first }),
      "an update under the current version",
    );
    must(second !== first, "an update brings a new version", `another than ${first}`, second);
    await holds(bench, kv, key, "two", second, "after an update");
    const third = won(await kv.put(key, bench.value("three"), { version: second }), "an update under the new version");
    await holds(bench, kv, key, "three", third, "after a second update");
  }),

  law("an update under the version that a read returned wins", async (bench) => {
    const { kv, key } = await start(bench);
    won(await kv.put(key, bench.value("one"), "always"), "an unconditional write");
    const read = await kv.get(key);
    must(read !== undefined, "a written key is read", "an entry", read);
    const version = won(
      await kv.put(key, bench.value("two"), { version: read.version }),
      "an update under the version read",
    );
    await holds(bench, kv, key, "two", version, "after the update");
  }),

  law("a stale update loses, learns the winner and changes nothing", async (bench) => {
    const { kv, key } = await start(bench);
    const first = won(await kv.put(key, bench.value("one"), "absent"), "a create of an absent key");
    const second = won(
      await kv.put(key, bench.value("two"), { version: first }),
      "an update under the current version",
    );
    const stale = await kv.put(key, bench.value("three"), { version: first });
    lost(bench, stale, key, "two", second, "an update under a stale version");
    await holds(bench, kv, key, "two", second, "after a stale update");
  }),

  law("an update of a key that never was loses and creates nothing", async (bench) => {
    const { kv, key } = await start(bench);
    const other = won(await kv.put(bench.key("other"), bench.value("x"), "absent"), "a create of an absent key");
    const missing = await kv.put(key, bench.value("one"), { version: other });
    equal(missing, { ok: false, current: undefined }, "an update of a missing key loses, with no winner");
    equal(await kv.get(key), undefined, "an update of a missing key creates nothing");
  }),

  law("an update of a deleted key under its last version loses and creates nothing", async (bench) => {
    const { kv, key } = await start(bench);
    const first = won(await kv.put(key, bench.value("one"), "absent"), "a create of an absent key");
    equal(await kv.delete(key, "always"), { ok: true }, "an unconditional delete succeeds");
    const gone = await kv.put(key, bench.value("two"), { version: first });
    equal(gone, { ok: false, current: undefined }, "an update of a deleted key loses, with no winner");
    equal(await kv.get(key), undefined, "an update of a deleted key creates nothing");
  }),

  law("an unconditional write creates and replaces, under a new version each time", async (bench) => {
    const { kv, key } = await start(bench);
    const seen = new Set<string>();
    for (const text of ["one", "two", "three"]) {
      const version = won(await kv.put(key, bench.value(text), "always"), "an unconditional write");
      await holds(bench, kv, key, text, version, "after an unconditional write");
      seen.add(version);
    }
    equal(seen.size, 3, "each unconditional write brings a new version");
  }),

  storeLaw("a delete under the current version removes the entry, and the key can be created anew", async (bench) => {
    await deleteCurrent(bench);
  }),
  driverLaw("a delete under the current version removes the entry, and the key can be created anew", deleteCurrent, {
    needs: ["conditionalDelete"],
  }),

  storeLaw("a stale delete loses, learns the winner and changes nothing", deleteStale),
  driverLaw("a stale delete loses, learns the winner and changes nothing", deleteStale, {
    needs: ["conditionalDelete"],
  }),

  // A backend that ignores the condition of a delete ignores it for a missing key too.
  storeLaw("a delete of a missing key succeeds unconditionally and conflicts under a version", deleteMissing),
  driverLaw("a delete of a missing key succeeds unconditionally and conflicts under a version", deleteMissing, {
    needs: ["conditionalDelete"],
  }),

  law("a write of one key leaves its neighbours alone", async (bench) => {
    const { kv } = await start(bench);
    const keys = range(5).map((index) => bench.key(`n${index}`));
    const before: Version[] = [];
    for (const key of keys)
      before.push(won(await kv.put(key, bench.value(key), "absent"), "a create of an absent key"));
    const middle = keys[2] ?? "";
    won(await kv.put(middle, bench.value("changed"), "always"), "an unconditional write");
    await kv.delete(keys[3] ?? "", "always");
    for (const index of [0, 1, 4]) {
      await holds(bench, kv, keys[index] ?? "", keys[index] ?? "", before[index], "after writes of other keys");
    }
  }),

  ...versions,
  ...races,
  ...lostAnswers,
];

async function start(bench: Bench): Promise<{ kv: Keyed; key: string }> {
  return { kv: await bench.keyed(), key: bench.key("a") };
}

async function deleteCurrent(bench: Bench): Promise<void> {
  const { kv, key } = await start(bench);
  const first = won(await kv.put(key, bench.value("one"), "absent"), "a create of an absent key");
  equal(await kv.delete(key, { version: first }), { ok: true }, "a delete under the current version succeeds");
  equal(await kv.get(key), undefined, "a deleted key reads as undefined");
  const again = won(await kv.put(key, bench.value("two"), "absent"), "a create after a delete");
  await holds(bench, kv, key, "two", again, "after a create that follows a delete");
}

async function deleteMissing(bench: Bench): Promise<void> {
  const { kv, key } = await start(bench);
  equal(await kv.delete(key, "always"), { ok: true }, "an unconditional delete of a missing key succeeds");
  const version = won(await kv.put(key, bench.value("one"), "absent"), "a create of an absent key");
  equal(await kv.delete(key, "always"), { ok: true }, "an unconditional delete succeeds");
  const gone = await kv.delete(key, { version });
  equal(gone, { ok: false, current: undefined }, "a delete of a missing key under a version conflicts, with no winner");
  equal(await kv.get(key), undefined, "the key stays absent");
}

async function deleteStale(bench: Bench): Promise<void> {
  const { kv, key } = await start(bench);
  const first = won(await kv.put(key, bench.value("one"), "absent"), "a create of an absent key");
  const second = won(await kv.put(key, bench.value("two"), { version: first }), "an update under the current version");
  const stale = await kv.delete(key, { version: first });
  must(!stale.ok, "a stale delete loses", "a conflict", stale);
  isWinner(bench, stale.current, key, "two", second, "a stale delete");
  await holds(bench, kv, key, "two", second, "after a stale delete");
}
