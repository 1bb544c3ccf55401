import { beforeEach, expect, test } from "vitest";

import { type CallOptions, createStore, type Store, type StoreErrorCode, type Version } from "../src/index.ts";
import { bytes, type Call, collect, failure, fullDriver, recorded } from "./support.ts";

let store: Store;
let calls: Call[];

beforeEach(async () => {
  const made = recorded(fullDriver());
  calls = made.calls;
  store = await createStore(made.driver);
  calls.length = 0;
});

/** Stands for what the types forbid and plain JavaScript sends all the same. */
const wrong = <T>(value: unknown): T => value as T;
const version = wrong<Version>("not one of ours");
const value = bytes("v");
const drain = (pages: AsyncIterable<readonly unknown[]>): Promise<unknown> => collect(pages);

const BAD_KEYS: readonly (readonly [string, unknown, StoreErrorCode])[] = [
  ["an empty key", "", "INVALID_ARGUMENT"],
  ["a lone surrogate", "a\ud800", "INVALID_ARGUMENT"],
  ["a key of 4,097 bytes", "k".repeat(4_097), "TOO_LARGE"],
  ["a key of 1,366 characters and 4,098 bytes", "€".repeat(1_366), "TOO_LARGE"],
  ["no key", undefined, "INVALID_ARGUMENT"],
  ["null", null, "INVALID_ARGUMENT"],
  ["a number", 7, "INVALID_ARGUMENT"],
  ["bytes", bytes("k"), "INVALID_ARGUMENT"],
];

test.each(BAD_KEYS)("%s is refused by every method, before I/O", async (_what, bad, code) => {
  const key = wrong<string>(bad);
  const attempts: readonly (() => Promise<unknown>)[] = [
    () => store.get(key),
    () => store.getMany(["good", key]),
    () => store.put(key, value, "always"),
    () => store.delete(key, "always"),
    () => store.commit([{ key, when: "absent" }], []),
    () => store.commit([], [{ type: "put", key, value, when: "always" }]),
    () => store.commit([], [{ type: "delete", key, when: "always" }]),
    ...(bad === undefined ? [] : [() => drain(store.scan({ prefix: "", after: key }))]),
    () => store.transaction(async (transaction) => transaction.put(key, value)),
    () => store.transaction(async (transaction) => transaction.delete(key)),
    () => store.transaction((transaction) => transaction.get(key)),
  ];
  for (const attempt of attempts) expect((await failure(attempt)).code, String(attempt)).toBe(code);
  const [refused] = await store.write([{ type: "put", key, value, when: "always" }]);
  expect(refused).toMatchObject({ code });
  expect(calls).toEqual([]);
});

test("the longest and the strangest keys are legal", async () => {
  for (const key of ["k".repeat(4_096), "€".repeat(1_365), "\0", "../..", "a\nb", "\uffff", "😀", "'; drop table"]) {
    expect((await store.put(key, bytes(key), "absent")).ok).toBe(true);
    expect(Buffer.from((await store.get(key))?.value ?? []).toString()).toBe(key);
    expect((await collect(store.scan({ prefix: key }))).map((entry) => entry.key)).toEqual([key]);
  }
});

const put = { type: "put", key: "k", value, when: "always" } as const;

test.each<readonly [string, StoreErrorCode, () => Promise<unknown>]>([
  ["a value that is text", "INVALID_ARGUMENT", () => store.put("k", wrong("v"), "always")],
  ["no value", "INVALID_ARGUMENT", () => store.put("k", wrong(undefined), "always")],
  ["a value over the limit", "TOO_LARGE", () => store.put("k", new Uint8Array(2 << 20), "always")],
  ["no condition", "INVALID_ARGUMENT", () => store.put("k", value, wrong(undefined))],
  ["an unknown condition", "INVALID_ARGUMENT", () => store.put("k", value, wrong("sometimes"))],
  ["a version that is no text", "INVALID_ARGUMENT", () => store.put("k", value, wrong({ version: 7 }))],
  ["a version of nobody", "INVALID_ARGUMENT", () => store.put("k", value, { version })],
  ["a delete that wants absence", "INVALID_ARGUMENT", () => store.delete("k", wrong("absent"))],
  ["a delete under a version of nobody", "INVALID_ARGUMENT", () => store.delete("k", { version })],
  ["a ttl of zero", "INVALID_ARGUMENT", () => store.put("k", value, "always", { ttlMs: 0 })],
  ["a ttl below zero", "INVALID_ARGUMENT", () => store.put("k", value, "always", { ttlMs: -5 })],
  ["a ttl that is no number", "INVALID_ARGUMENT", () => store.put("k", value, "always", { ttlMs: wrong("5") })],
  ["a ttl without end", "INVALID_ARGUMENT", () => store.put("k", value, "always", { ttlMs: Infinity })],
  ["a ttl where the clock rule has none", "UNSUPPORTED", () => store.put("k", value, "always", { ttlMs: 5 })],
  ["a session without ttl", "INVALID_ARGUMENT", () => store.session(wrong(undefined))],
  ["keys that are no list", "INVALID_ARGUMENT", () => store.getMany(wrong("k"))],
  ["no range", "INVALID_ARGUMENT", () => drain(store.scan(wrong(undefined)))],
  ["a prefix that is no text", "INVALID_ARGUMENT", () => drain(store.scan({ prefix: wrong(7) }))],
  ["a prefix with half a character", "INVALID_ARGUMENT", () => drain(store.scan({ prefix: "\ud83d" }))],
  ["a limit of zero", "INVALID_ARGUMENT", () => drain(store.scan({ prefix: "", limit: 0 }))],
  ["half a limit", "INVALID_ARGUMENT", () => drain(store.scan({ prefix: "", limit: 1.5 }))],
  ["a watch of nothing", "INVALID_ARGUMENT", () => drain(wrong(store.watch(wrong(null))))],
  ["a cursor that is no text", "INVALID_ARGUMENT", () => drain(wrong(store.watch({ prefix: "", from: wrong(7) })))],
  ["operations that are no list", "INVALID_ARGUMENT", () => store.write(wrong({}))],
  ["checks that are no list", "INVALID_ARGUMENT", () => store.commit(wrong(undefined), [])],
  ["a commit of no list", "INVALID_ARGUMENT", () => store.commit([], wrong(undefined))],
  ["a check that always holds", "INVALID_ARGUMENT", () => store.commit([{ key: "k", when: wrong("always") }], [])],
  ["a check of nothing", "INVALID_ARGUMENT", () => store.commit(wrong([null]), [])],
  ["an operation of no type", "INVALID_ARGUMENT", () => store.commit([], wrong([{ ...put, type: "drop" }]))],
  ["an operation that is none", "INVALID_ARGUMENT", () => store.commit([], wrong([null]))],
  ["a key twice in a commit", "INVALID_ARGUMENT", () => store.commit([{ key: "k", when: "absent" }], [put])],
  [
    "more than a commit holds",
    "TOO_LARGE",
    () =>
      store.commit(
        [],
        Array.from({ length: 129 }, (_, at) => ({ ...put, key: `${at}` })),
      ),
  ],
  ["a signal that is none", "INVALID_ARGUMENT", () => store.get("k", { signal: wrong({ aborted: false }) })],
  ["a deadline that is no number", "INVALID_ARGUMENT", () => store.get("k", { deadline: wrong("soon") })],
  ["a deadline that is not a number", "INVALID_ARGUMENT", () => store.get("k", { deadline: Number.NaN })],
])("%s is refused before I/O", async (_what, code, attempt) => {
  const error = await failure(attempt);
  expect(error.code).toBe(code);
  expect(error.outcome).toBe("none");
  expect(error.message.startsWith(`[${code}] `)).toBe(true);
  expect(calls).toEqual([]);
});

test("a bad slot of a bulk write is told in its place, and the others are written", async () => {
  const results = await store.write([
    put,
    wrong(null),
    wrong({ ...put, type: "drop" }),
    { ...put, key: "l", value: wrong("text") },
    { type: "delete", key: "m", when: { version } },
    { ...put, key: "n" },
  ]);
  expect(results.map((result) => ("ok" in result ? result.ok : result.code))).toEqual([
    true,
    "INVALID_ARGUMENT",
    "INVALID_ARGUMENT",
    "INVALID_ARGUMENT",
    "INVALID_ARGUMENT",
    true,
  ]);
});

const everything: readonly (readonly [string, (options: CallOptions) => Promise<unknown>])[] = [
  ["get", (options) => store.get("k", options)],
  ["getMany", (options) => store.getMany(["k"], options)],
  ["put", (options) => store.put("k", value, "always", options)],
  ["delete", (options) => store.delete("k", "always", options)],
  ["scan", (options) => drain(store.scan({ prefix: "" }, options))],
  ["write", (options) => store.write([put], options)],
  ["commit", (options) => store.commit([], [put], options)],
  ["watch", (options) => drain(wrong(store.watch({ prefix: "" }, options)))],
  ["session", (options) => store.session(5, options)],
  ["health", (options) => store.health(options)],
  ["transaction", (options) => store.transaction((transaction) => transaction.get("k"), options)],
];

test.each(everything)("%s with an aborted signal is refused before I/O", async (_name, call) => {
  expect(await failure(() => call({ signal: AbortSignal.abort("why") }))).toMatchObject({
    code: "ABORTED",
    outcome: "none",
    cause: "why",
  });
  expect(calls).toEqual([]);
});

test.each(everything)("%s after its deadline is refused before I/O", async (_name, call) => {
  expect(await failure(() => call({ deadline: -1 }))).toMatchObject({ code: "TIMEOUT", outcome: "none" });
  expect(calls).toEqual([]);
});

test.each(everything)("%s of a closed store is refused before I/O", async (_name, call) => {
  await store.close();
  calls.length = 0;
  expect(await failure(() => call({}))).toMatchObject({ code: "CLOSED", outcome: "none", retryable: false });
  expect(calls).toEqual([]);
});

test("errors never print a value, and shorten a key", async () => {
  const error = await failure(store.put("k".repeat(500), wrong("secret"), "always"));
  expect(error.message).not.toContain("secret");
  const full = await failure(store.put("k".repeat(500), new Uint8Array(2 << 20), "always"));
  expect(full.message.length).toBeLessThan(250);
});
