import { type Put, StoreError, type WriteOp } from "@orbit/persistence";

import { equal, must } from "../assert.ts";
import { all, range } from "../bench.ts";
import { driverLaw, type Law, storeLaw } from "../law.ts";
import { won } from "../traits/outcomes.ts";

/** More than any backend takes in one request. */
const MANY = 600;

export const bulk: readonly Law[] = [
  storeLaw("many reads answer in the order asked for, missing and doubled keys included", async (bench) => {
    const store = await bench.store();
    await all(["a", "b", "c"], (key) => store.put(key, bench.value(key), "absent"));
    const keys = ["c", "missing", "a", "c", "b", "missing", "a"];
    const found = await store.getMany(keys);
    const expected = keys.map((key) => (key === "missing" ? undefined : key));
    equal(
      found.map((entry) => bench.text(entry)),
      expected,
      "getMany answers place by place",
    );
    equal(
      found.map((entry) => entry?.key),
      expected,
      "each entry carries the key that was asked for",
    );
    const one = await store.get("a");
    equal(found[2]?.version, one?.version, "getMany shows the version that get shows");
    equal(await store.getMany([]), [], "no keys, no answers");
  }),

  storeLaw(`reads and writes of ${MANY} keys at once are complete`, async (bench) => {
    const store = await bench.store();
    const keys = range(MANY).map((index) => `k${index}`);
    const answers = await store.write(keys.map((key) => create(key, bench.value(key))));
    equal(answers.filter((answer) => !ok(answer)).length, 0, "every create of a large write wins");
    const found = await store.getMany(keys);
    equal(
      found.map((entry) => bench.text(entry)),
      keys,
      "a large getMany answers every key in order",
    );
    const versions = found.map((entry) => entry?.version);
    equal(
      versions,
      answers.map((answer) => version(answer)),
      "a large write returns each entry's version",
    );
    const removed = await store.write(keys.map((key) => ({ type: "delete", key, when: "always" })));
    equal(removed.filter((answer) => !ok(answer)).length, 0, "every delete of a large write succeeds");
    const left = await store.getMany(keys);
    equal(left.filter((entry) => entry !== undefined).length, 0, "nothing is left after a large delete");
  }),

  storeLaw("each write of many stands on its own: one that loses does not undo the others", async (bench) => {
    const store = await bench.store();
    const first = won(await store.put("b", bench.value("old"), "absent"), "a create of an absent key");
    const second = won(
      await store.put("b", bench.value("kept"), { version: first }),
      "an update under the current version",
    );
    await store.put("d", bench.value("d"), "absent");
    const answers = await store.write([
      create("a", bench.value("a")),
      { type: "put", key: "b", value: bench.value("lost"), when: { version: first } },
      create("c", bench.value("c")),
      { type: "delete", key: "d", when: "always" },
    ]);
    equal(answers.map(ok), [true, false, true, true], "answers stand in the order of the operations");
    const [, conflict] = answers;
    must(
      conflict !== undefined && !StoreError.is(conflict) && !conflict.ok,
      "a lost write is a conflict",
      "a conflict",
      conflict,
    );
    const winner = { text: bench.text(conflict.current), version: conflict.current?.version };
    equal(winner, { text: "kept", version: second }, "its conflict carries the entry that won");
    const found = await store.getMany(["a", "b", "c", "d"]);
    equal(
      found.map((entry) => bench.text(entry)),
      ["a", "kept", "c", undefined],
      "the others are applied",
    );
  }),

  storeLaw("one bad operation is one error, and the others are applied", async (bench) => {
    const store = await bench.store();
    const tooLarge = new Uint8Array(Math.min(store.capabilities.limits.maxValueBytes, 32 << 20) + 256);
    const fits = store.capabilities.limits.maxValueBytes > 32 << 20;
    const answers = await store.write([
      create("a", bench.value("a")),
      create("", bench.value("x")),
      create("big", tooLarge),
      create("b\uD800", bench.value("x")),
      create("c", bench.value("c")),
    ]);
    const codes = answers.map((answer) => (StoreError.is(answer) ? answer.code : answer.ok));
    const big = fits ? true : "TOO_LARGE";
    equal(
      codes,
      [true, "INVALID_ARGUMENT", big, "INVALID_ARGUMENT", true],
      "each operation has its own answer or error",
    );
    const found = await store.getMany(["a", "c"]);
    equal(
      found.map((entry) => bench.text(entry)),
      ["a", "c"],
      "good operations beside bad ones are applied",
    );
    equal(await store.write([]), [], "no operations, no answers");
  }),

  storeLaw("of several creates of one key in one call exactly one wins", async (bench) => {
    const store = await bench.store();
    const answers = await store.write(range(4).map((index) => create("a", bench.value(`w${index}`))));
    const winners = range(4).filter((index) => ok(answers[index]));
    equal(winners.length, 1, "one create of a key wins, also within one call");
    equal(bench.text(await store.get("a")), `w${winners[0]}`, "the winner's value is there");
  }),

  storeLaw("bulk writes of two instances race like single ones", async (bench) => {
    const [one, two] = [await bench.store(), await bench.store()];
    const keys = range(bench.rounds(40, 10)).map((index) => `k${index}`);
    const answers = await all([one, two], (store, side) =>
      store.write(keys.map((key) => create(key, bench.value(`${side}`)))),
    );
    const found = await one.getMany(keys);
    for (const [index, key] of keys.entries()) {
      const sides = [0, 1].filter((side) => ok(answers[side]?.[index]));
      equal(sides.length, 1, `exactly one create of ${key} wins`);
      equal(bench.text(found[index]), `${sides[0]}`, `the entry of ${key} is the winner's`);
    }
  }),

  storeLaw("reads of one turn agree with reads one by one", async (bench) => {
    const store = await bench.store();
    const keys = range(bench.rounds(200, 40)).map((index) => `k${index}`);
    await store.write(keys.filter((_, index) => index % 3 !== 0).map((key) => create(key, bench.value(key))));
    const found = await all(keys, async (key) => bench.text(await store.get(key)));
    equal(
      found,
      keys.map((key, index) => (index % 3 === 0 ? undefined : key)),
      "gets at once are not mixed up",
    );
  }),

  driverLaw(
    "getMany answers place by place, without keys and with many",
    async (bench) => {
      const driver = await bench.driver();
      const keys = range(300).map((index) => bench.key(`k${index}`));
      await all(
        keys.filter((_, index) => index % 2 === 0),
        (key) => driver.put(key, bench.value(key), "absent"),
      );
      const doubled = [...keys, keys[0] ?? "", keys[1] ?? ""];
      const found = await driver.getMany?.(doubled);
      const expected = doubled.map((key) => (keys.indexOf(key) % 2 === 0 ? key : undefined));
      equal(
        found?.map((entry) => bench.text(entry)),
        expected,
        "getMany answers place by place",
      );
      equal(await driver.getMany?.([]), [], "no keys, no answers");
    },
    { needs: ["getMany"] },
  ),

  driverLaw(
    "write answers place by place, each operation on its own",
    async (bench) => {
      const driver = await bench.driver();
      const key = (name: string): string => bench.key(name);
      const first = won(await driver.put(key("b"), bench.value("old"), "absent"), "a create of an absent key");
      won(await driver.put(key("b"), bench.value("kept"), { version: first }), "an update under the current version");
      await driver.put(key("c"), bench.value("c"), "absent");
      const many = range(250).map((index) => create(key(`m${index}`), bench.value("m")));
      const answers = await driver.write?.([
        create(key("a"), bench.value("a")),
        { type: "put", key: key("b"), value: bench.value("lost"), when: { version: first } },
        { type: "delete", key: key("c"), when: "always" },
        { type: "put", key: key("d"), value: bench.value("d"), when: "always" },
        ...many,
      ]);
      equal(answers?.map(ok), [true, false, true, true, ...many.map(() => true)], "write answers place by place");
      const found = await all(["a", "b", "d", "m249"], async (name) => bench.text(await driver.get(key(name))));
      equal(found, ["a", "kept", "d", "m"], "what was answered is what is there");
      equal(await driver.write?.([]), [], "no operations, no answers");
    },
    { needs: ["write"] },
  ),
];

function create(key: string, value: Uint8Array): WriteOp {
  return { type: "put", key, value, when: "absent" };
}

function ok(answer: Answer): boolean {
  return answer !== undefined && !StoreError.is(answer) && answer.ok;
}

function version(answer: Answer): string | undefined {
  return answer !== undefined && !StoreError.is(answer) && "version" in answer ? answer.version : undefined;
}

type Answer = Put | { readonly ok: true } | StoreError | undefined;
