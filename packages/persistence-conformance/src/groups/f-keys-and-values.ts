import type { Store } from "@orbit/persistence";

import { equal, must } from "../assert.ts";
import { all, range } from "../bench.ts";
import { driverLaw, type Law, storeLaw } from "../law.ts";
import { attempts } from "../traits/attempts.ts";

/** Keys that some backend, path rule or pattern language would take for something else. */
const HOSTILE: readonly string[] = [
  ["/", "//", "a/", "/a", "a/b", "a//b", ".", "..", "../a", "a/..", "a/./b", "\\", "a\\b"],
  ["%", "%2F", "%2f", "%00", "%25", "a%20b", "+", "a+b", "a b", " ", " a", "a ", "\t", "\n", "\r\n"],
  [":", "a:b", "?", "a?b=c", "#", "a#b", "&", "=", ";", ",", "@", "!", "~", "~~", "-", "--", "_", "__", "|"],
  ["*", "a*", "[", "[a]", "]", "{a}", "{", "}", "(", ")", "^", "$", "$a", "${a}", "`", "'", '"', "<", ">"],
  ["\0", "a\0b", "\u0001", "\u007f", "\u0080", "\u00a0", "\ufeff", "\u200b", "\u202e", "\ufffd", "\uffff"],
  ["é", "e\u0301", "Å", "A\u030a", "ß", "SS", "ı", "İ", "ﬁ", "ﬀ", "日本語", "ключ", "مفتاح"],
  ["😀", "👨‍👩‍👧‍👦", "\u{10ffff}", "a😀b"],
  ["a", "A", "aa", "aA", "Aa", "AA", "null", "undefined", "true", "0", "00", "-1", "1e3", "NaN"],
  ["CON", "con", "nul.txt", "a.", "a.b", ".a", "__proto__", "constructor", "toString", "hasOwnProperty"],
].flat();

export const keysAndValues: readonly Law[] = [
  storeLaw("any string is a key of its own", async (bench) => {
    const store = await bench.store();
    await all(HOSTILE, async (key, index) => {
      const put = await store.put(key, bench.value(`v${index}`), "absent");
      must(put.ok, `the key ${JSON.stringify(key)} is free while only other keys were written`, "ok", put);
    });
    await all(HOSTILE, async (key, index) => {
      const entry = await store.get(key);
      const found = { key: entry?.key, text: bench.text(entry) };
      equal(found, { key, text: `v${index}` }, `the key ${JSON.stringify(key)} reads what was written to it`);
    });
    equal(await keysOf(store), byteOrder(HOSTILE), "all of them are listed, in the byte order of their UTF-8");
    const removed = HOSTILE.filter((_, index) => index % 2 === 0);
    await all(removed, (key) => store.delete(key, "always"));
    const kept = HOSTILE.filter((_, index) => index % 2 === 1);
    equal(await keysOf(store), byteOrder(kept), "a delete removes its key and no other");
  }),

  storeLaw("a prefix is a string prefix, also of hostile keys", async (bench) => {
    const store = await bench.store();
    await all(HOSTILE, (key) => store.put(key, bench.value("v"), "always"));
    for (const prefix of ["a", "a/", "/", "%", ".", "e", "A", "\0", "👨", "*", "-", "~", "日", "_", "a b"]) {
      const expected = byteOrder(HOSTILE.filter((key) => key.startsWith(prefix)));
      equal(await keysOf(store, prefix), expected, `the list under the prefix ${JSON.stringify(prefix)}`);
    }
  }),

  storeLaw("a list after a hostile key starts behind it", async (bench) => {
    const store = await bench.store();
    const keys = byteOrder(HOSTILE);
    await all(keys, (key) => store.put(key, bench.value("v"), "always"));
    for (let index = 0; index < keys.length; index += 9) {
      const after = keys[index] ?? "";
      const found = (await Array.fromAsync(store.scan({ prefix: "", after, limit: 3 })))
        .flat()
        .map((entry) => entry.key);
      equal(found, keys.slice(index + 1, index + 4), `the list after ${JSON.stringify(after)}`);
    }
  }),

  storeLaw("composed and decomposed characters, and upper and lower case, are different keys", async (bench) => {
    const store = await bench.store();
    for (const [one, two] of [
      ["é", "e\u0301"],
      ["Å", "A\u030a"],
      ["key", "KEY"],
      ["ß", "SS"],
      ["ı", "i"],
    ] as const) {
      await store.put(one, bench.value("one"), "always");
      equal(await store.get(two), undefined, `${JSON.stringify(two)} is not ${JSON.stringify(one)}`);
      await store.put(two, bench.value("two"), "always");
      equal(bench.text(await store.get(one)), "one", `${JSON.stringify(one)} keeps its own value`);
    }
  }),

  storeLaw("two namespaces never see each other, whatever their names", async (bench) => {
    const base = bench.namespace;
    const names = ["", "a", "a-", "a/", "a-data", "A", "-", "%2F", "日", "a\0"].map((name) => `${base}${name}`);
    const stores: Store[] = [];
    for (const namespace of names) stores.push(await bench.store({ namespace }));
    await all(stores, (store, index) => store.put("key", bench.value(`n${index}`), "absent"));
    await all(stores, async (store, index) => {
      equal(
        bench.text(await store.get("key")),
        `n${index}`,
        `the namespace ${JSON.stringify(names[index])} holds its own value`,
      );
      equal(await keysOf(store), ["key"], `the namespace ${JSON.stringify(names[index])} lists its own key alone`);
    });
    await stores[0]?.delete("key", "always");
    equal(bench.text(await stores[1]?.get("key")), "n1", "a delete in one namespace leaves the others alone");
  }),

  storeLaw("a key of the greatest length works, and differs from one that ends otherwise", async (bench) => {
    const store = await bench.store();
    const { maxKeyBytes } = store.capabilities.limits;
    const keys = ["x", "y"].map((end) => "k".repeat(maxKeyBytes - 1) + end);
    await all(keys, (key) => store.put(key, bench.value(key.slice(-1)), "absent"));
    for (const key of keys) equal(bench.text(await store.get(key)), key.slice(-1), "a longest key reads its own value");
    equal((await keysOf(store)).toSorted(), keys, "longest keys are listed in full");
  }),

  storeLaw(
    "keys with a common beginning longer than the driver's limit are kept apart, listed and deleted",
    async (bench) => {
      const store = await bench.store();
      const start = "p/".repeat(Math.floor(store.capabilities.limits.maxKeyBytes / 2) - 8);
      const names = range(bench.rounds(30, 12)).map((index) => `${start}${100 + index}`);
      await all(names, (key) => store.put(key, bench.value(key.slice(-3)), "absent"));
      await store.put("p", bench.value("short"), "absent");
      for (const key of names) equal(bench.text(await store.get(key)), key.slice(-3), "a long key reads its own value");
      equal((await keysOf(store, start)).toSorted(), names, "a long prefix lists every key under it");
      const narrow = names.filter((key) => key.startsWith(`${start}10`));
      equal((await keysOf(store, `${start}10`)).toSorted(), narrow, "a longer prefix lists only what starts with it");
      equal((await keysOf(store, "p")).length, names.length + 1, "a short prefix lists them with the short key");
      equal((await keysOf(store, `${start}9`)).length, 0, "a long prefix of nothing lists nothing");
      const seen = await paged(store, start, 5);
      equal(seen.toSorted(), names, "page after page holds every long key once");
      await all(names.slice(1), (key) => store.delete(key, "always"));
      equal(await keysOf(store, start), names.slice(0, 1), "long keys are deleted one by one");
    },
  ),

  storeLaw("values are kept byte for byte, from none to 64 KiB", async (bench) => {
    const store = await bench.store();
    const large = Math.min(store.capabilities.limits.maxValueBytes, 65_536);
    const every = Buffer.from(range(256));
    const values: readonly (readonly [string, Uint8Array])[] = [
      ["empty", new Uint8Array(0)],
      ["one zero byte", new Uint8Array(1)],
      ["one byte", Buffer.from([255])],
      ["all 256 bytes", every],
      ["bytes that are no UTF-8", Buffer.from("c328a0a1e28281fffe", "hex")],
      ["a text with NUL", Buffer.from("a\0b\0")],
      ["lines", Buffer.from("a\r\nb\nc\r")],
      ["a part of a larger buffer", every.subarray(7, 19)],
      ["a kibibyte", Buffer.alloc(1_024, every)],
      ["one byte less than that", Buffer.alloc(large - 1, every)],
      ["64 KiB", Buffer.alloc(large, every)],
    ];
    await all(values, async ([name, value], index) => {
      const expected = Buffer.from(value);
      await store.put(`k${index}`, value, "absent");
      const found = await store.get(`k${index}`);
      must(
        found !== undefined && expected.equals(found.value),
        `a value of ${name} reads back`,
        "the same bytes",
        found?.value,
      );
    });
    const empty = (await Array.fromAsync(store.scan({ prefix: "k0" }))).flat();
    equal(
      empty.map((entry) => entry.value.length),
      [0],
      "an empty value is listed as an entry",
    );
  }),

  storeLaw(
    "the caller may change its bytes after a write, and an update with an empty value keeps the entry",
    async (bench) => {
      const store = await bench.store();
      const bytes = Buffer.from("before");
      const write = store.put("a", bytes, "absent");
      bytes.fill(0);
      await write;
      equal(bench.text(await store.get("a")), "before", "a store keeps the bytes as they were at the call");
      await store.put("a", new Uint8Array(0), "always");
      must((await store.get("a")) !== undefined, "an empty value is a value", "an entry", undefined);
    },
  ),

  driverLaw("every character of the core's keys keeps its place and its case", async (bench) => {
    const driver = await bench.driver();
    const names = ["-", ".00", "0", "9", "_41", "_5f", "a", "z", "~7f", "~ff"].map((name) => bench.key(`c${name}`));
    const shuffled = names.toSorted((a, b) => Number(a.length > b.length) - Number(a.length < b.length));
    for (const key of shuffled) await driver.put(key, bench.value(key), "absent");
    const listed = (await Array.fromAsync(driver.scan({ prefix: bench.key("c") }))).flat();
    equal(
      listed.map((entry) => entry.key),
      names.toSorted((a, b) => (a < b ? -1 : 1)),
      "driver keys are in byte order",
    );
    for (const key of names) equal(bench.text(await driver.get(key)), key, "a driver key reads its own value");
    for (const char of "-._~") {
      const under = (await Array.fromAsync(driver.scan({ prefix: bench.key(`c${char}`) }))).flat();
      const expected = names.filter((key) => key.startsWith(bench.key(`c${char}`)));
      equal(under.map((entry) => entry.key).toSorted(), expected.toSorted(), `${char} in a prefix stands for itself`);
    }
  }),

  driverLaw("values that look like something else are kept byte for byte", async (bench) => {
    const driver = await bench.driver();
    const values = ["{}", '{"a":1}', "null", "0", "\r\n", "<xml/>", "\ufeff", "OK", "QUEUED"];
    await all(values, (text, index) => driver.put(bench.key(`k${index}`), Buffer.from(text), "absent"));
    const found = await all(values, (_, index) => driver.get(bench.key(`k${index}`)));
    const texts = found.map((entry) => entry && Buffer.from(entry.value).toString());
    equal(texts, values, "a driver does not look into values");
  }),
];

async function keysOf(store: Store, prefix = ""): Promise<string[]> {
  return (await Array.fromAsync(store.scan({ prefix }))).flat().map((entry) => entry.key);
}

async function paged(store: Store, prefix: string, limit: number): Promise<string[]> {
  const found: string[] = [];
  const attempt = attempts(1_000, "pages come to an end");
  for (;;) {
    attempt();
    const after = found.at(-1);
    const part = { prefix, limit, ...(after === undefined ? {} : { after }) };
    const page = (await Array.fromAsync(store.scan(part))).flat();
    found.push(...page.map((entry) => entry.key));
    if (page.length < limit) return found;
  }
}

/** The order of UTF-8 bytes, which is not that of UTF-16 units. */
function byteOrder(keys: readonly string[]): string[] {
  return [...keys].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}
