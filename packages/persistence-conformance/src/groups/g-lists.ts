import type { Entry } from "@orbit/persistence";

import { equal, must } from "../assert.ts";
import { all, type Bench, type Keyed, range, turn } from "../bench.ts";
import { type Law, law, storeLaw } from "../law.ts";
import { attempts } from "../traits/attempts.ts";

/** S3 and others stop at 1,000 a page: a list must go on by itself. */
const MANY = 2_500;
const MANY_THROUGH_A_LAYER = 300;

export const lists: readonly Law[] = [
  law("a list of nothing is empty", async (bench) => {
    const kv = await bench.keyed();
    equal(await keysOf(kv, { prefix: bench.key("none") }), [], "nothing is listed where nothing was written");
    await kv.put(bench.key("x"), bench.value("x"), "always");
    await kv.delete(bench.key("x"), "always");
    equal(await keysOf(kv, { prefix: bench.key("x") }), [], "a deleted key is not listed");
  }),

  law("entries are listed whole, in byte order, each once", async (bench) => {
    const kv = await bench.keyed();
    const names = ["b", "a", "ab", "aa", "c", "b0", "b9", "bz", "10", "9", "00"];
    await fill(bench, kv, names);
    const entries = await entriesOf(kv, { prefix: bench.key("") });
    equal(
      entries.map((entry) => entry.key),
      inOrder(names.map((name) => bench.key(name))),
      "a list is in byte order of its keys",
    );
    for (const entry of entries) {
      const read = await kv.get(entry.key);
      const found = { text: bench.text(entry), version: entry.version };
      equal(
        found,
        { text: bench.text(read), version: read?.version },
        "a list shows the value and version that a read shows",
      );
    }
  }),

  law("a prefix selects every key that starts with it and no other", async (bench) => {
    const kv = await bench.keyed();
    const names = ["a", "aa", "ab", "abc", "abd", "ac", "b", "ba"];
    await fill(bench, kv, names);
    for (const prefix of ["a", "ab", "abc", "abcd", "b", "c", ""]) {
      const expected = inOrder(names.filter((name) => name.startsWith(prefix)).map((name) => bench.key(name)));
      equal(
        await keysOf(kv, { prefix: bench.key(prefix) }),
        expected,
        `the list under the prefix ${JSON.stringify(prefix)}`,
      );
    }
  }),

  law("`after` is exclusive, and need not be a key that exists", async (bench) => {
    const kv = await bench.keyed();
    const names = ["a", "b", "c", "d", "e"];
    await fill(bench, kv, names);
    const after = async (name: string): Promise<string[]> => {
      const found = await keysOf(kv, { prefix: bench.key(""), after: bench.key(name) });
      return found.map((key) => key.slice(bench.key("").length));
    };
    equal(await after("b"), ["c", "d", "e"], "a list after an existing key starts behind it");
    equal(await after("bb"), ["c", "d", "e"], "a list after a missing key starts behind its place");
    equal(await after("e"), [], "a list after the last key is empty");
    equal(await after("0"), names, "a list after a place before all keys holds them all");
    await kv.delete(bench.key("c"), "always");
    equal(await after("c"), ["d", "e"], "a list after a deleted key starts behind its place");
  }),

  law("`limit` bounds the whole list", async (bench) => {
    const kv = await bench.keyed();
    const names = range(7).map((index) => `k${index}`);
    await fill(bench, kv, names);
    for (const limit of [1, 2, 6, 7, 8]) {
      const found = await keysOf(kv, { prefix: bench.key("k"), limit });
      equal(
        found,
        names.slice(0, limit).map((name) => bench.key(name)),
        `a list with the limit ${limit} of 7 keys`,
      );
    }
  }),

  law("page after page through `after` and `limit` holds every key once", async (bench) => {
    const kv = await bench.keyed();
    const names = range(bench.rounds(60, 25)).map((index) => `k${String(index).padStart(4, "0")}`);
    await fill(bench, kv, names);
    const found: string[] = [];
    const attempt = attempts(names.length, "pages come to an end");
    for (;;) {
      attempt();
      const last = found.at(-1);
      const page = await keysOf(kv, {
        prefix: bench.key("k"),
        limit: 7,
        ...(last === undefined ? {} : { after: last }),
      });
      found.push(...page);
      if (page.length < 7) break;
    }
    equal(
      found,
      names.map((name) => bench.key(name)),
      "pages join without a gap or a double",
    );
  }),

  law("a list of keys alone holds the same keys", async (bench) => {
    const kv = await bench.keyed();
    const names = range(12).map((index) => `k${10 + index}`);
    await fill(bench, kv, names);
    const expected = names.map((name) => bench.key(name));
    equal(await keysOf(kv, { prefix: bench.key("k"), keysOnly: true }), expected, "keysOnly lists the same keys");
    const part = { prefix: bench.key("k"), keysOnly: true, after: bench.key("k15"), limit: 3 };
    equal(await keysOf(kv, part), expected.slice(6, 9), "keysOnly keeps to `after` and `limit`");
  }),

  storeLaw("a list over many pages of the server is complete and in order", async (bench) => {
    const store = await bench.store();
    const count = bench.layers().length === 0 ? MANY : MANY_THROUGH_A_LAYER;
    const names = range(count).map((index) => `k${String(index).padStart(5, "0")}`);
    for (let start = 0; start < count; start += 100) await fill(bench, store, names.slice(start, start + 100));
    equal(
      await keysOf(store, { prefix: "k", keysOnly: true }),
      names,
      "a long list is not cut at a page of the server",
    );
    for (const limit of [count - 1, 999, 1_000, 1_001].filter((each) => each < count)) {
      const found = await keysOf(store, { prefix: "k", keysOnly: true, limit });
      equal(found, names.slice(0, limit), `a long list with the limit ${limit}`);
    }
    equal((await keysOf(store, { prefix: "k0024" })).length, 10, "a list within a long one keeps to its prefix");
  }),

  law("what stays throughout a list appears exactly once while others come and go", async (bench) => {
    const [kv, other] = [await bench.keyed(), await bench.keyed()];
    const stable = range(bench.rounds(60, 20)).map((index) => bench.key(`s${String(index).padStart(3, "0")}`));
    const passing = stable.map((key) => `${key}p`);
    await all([...stable, ...passing.slice(0, passing.length / 2)], (key) => kv.put(key, bench.value(key), "always"));
    let listing = true;
    const churn = async (): Promise<void> => {
      for (let index = 0; listing; index += 1) {
        const key = passing[index % passing.length] ?? "";
        await (index % 3 === 0 ? other.put(key, bench.value("p"), "always") : other.delete(key, "always"));
        const kept = stable[(index * 7) % stable.length] ?? "";
        if (index % 5 === 0) await other.put(kept, bench.value(kept), "always");
        await turn();
      }
    };
    const list = async (): Promise<void> => {
      for (let round = 0; round < 4; round += 1) {
        const seen = new Map<string, number>();
        for await (const page of kv.scan({ prefix: bench.key("s") })) {
          for (const { key } of page) seen.set(key, (seen.get(key) ?? 0) + 1);
          await turn();
        }
        const wrong = stable.filter((key) => seen.get(key) !== 1);
        equal(wrong, [], "no stable key is skipped or doubled");
        const doubled = [...seen].filter(([, times]) => times > 1).map(([key]) => key);
        equal(doubled, [], "no key is listed twice");
      }
    };
    await Promise.all([churn(), list().finally(() => (listing = false))]);
  }),

  storeLaw("a write is listed at once, through the other instance too", async (bench) => {
    const [one, two] = [await bench.store(), await bench.store()];
    for (let index = 0; index < bench.rounds(10, 3); index += 1) {
      await one.put(`k${index}`, bench.value("v"), "absent");
      const found = await keysOf(two, { prefix: "k" });
      must(found.includes(`k${index}`), "an acknowledged write is in a list that starts after it", `k${index}`, found);
    }
  }),

  law("a list that is left early frees what it held", async (bench) => {
    const kv = await bench.keyed();
    await fill(
      bench,
      kv,
      range(10).map((index) => `k${index}`),
    );
    for (let round = 0; round < bench.rounds(100, 20); round += 1) {
      for await (const page of kv.scan({ prefix: bench.key("k") })) if (page.length > 0) break;
    }
    equal((await keysOf(kv, { prefix: bench.key("k") })).length, 10, "lists still work after many were left early");
  }),
];

function entriesOf(kv: Keyed, options: Parameters<Keyed["scan"]>[0]): Promise<Entry[]> {
  return Array.fromAsync(kv.scan(options)).then((pages) => pages.flat());
}

async function keysOf(kv: Keyed, options: Parameters<Keyed["scan"]>[0]): Promise<string[]> {
  return (await entriesOf(kv, options)).map((entry) => entry.key);
}

async function fill(bench: Bench, kv: Keyed, names: readonly string[]): Promise<void> {
  await all(names, (name) => kv.put(bench.key(name), bench.value(name), "always"));
}

/** Byte order, for keys of ASCII alone. */
function inOrder(keys: readonly string[]): string[] {
  return [...keys].sort((a, b) => (a < b ? -1 : 1));
}
