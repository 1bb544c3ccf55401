import type { Store } from "@orbit/persistence";

import { equal, must, rejects } from "../assert.ts";
import { range } from "../bench.ts";
import { driverLaw, type Law, storeLaw } from "../law.ts";
import { watched } from "../traits/watched.ts";

/** Values above this are not made: the law about the exact limit then proves this size instead. */
const LARGEST_TRIED_BYTES = 32 << 20;

/** A store keeps room for the largest envelope; what a smaller one leaves of it may go to the value. */
const ENVELOPE_ROOM = 256;

/** Limits are honest, and what breaks one is refused before any request. */
export const limits: readonly Law[] = [
  driverLaw("a key and a value of exactly the declared size are kept", async (bench) => {
    const driver = await bench.driver();
    const { maxKeyBytes, maxValueBytes } = driver.capabilities.limits;
    const key = bench.key("k").padEnd(Math.min(maxKeyBytes, 65_536), "z");
    const value = fill(Math.min(maxValueBytes, LARGEST_TRIED_BYTES));
    const put = await driver.put(key, value, "absent");
    must(put.ok, "a create at the limits wins", "ok", put);
    const found = await driver.get(key);
    must(
      found !== undefined && Buffer.compare(found.value, value) === 0,
      "a value at the limit reads back",
      "its bytes",
      found?.value,
    );
    const listed = (await Array.fromAsync(driver.scan({ prefix: key, keysOnly: true }))).flat();
    equal(
      listed.map((entry) => entry.key),
      [key],
      "a key at the limit is listed",
    );
    equal(await driver.delete(key, "always"), { ok: true }, "a key at the limit can be deleted");
  }),

  storeLaw("a value at the limit is kept, one over it is TOO_LARGE before any request", async (bench) => {
    const { store, calls } = await watched(bench);
    const { maxValueBytes } = store.capabilities.limits;
    const value = fill(Math.min(maxValueBytes, LARGEST_TRIED_BYTES));
    must((await store.put("a", value, "absent")).ok, "a create at the limit wins", "ok", "a conflict");
    const found = await store.get("a");
    must(
      found !== undefined && Buffer.compare(found.value, value) === 0,
      "a value at the limit reads back",
      "its bytes",
      found?.value,
    );
    if (maxValueBytes > LARGEST_TRIED_BYTES) return;
    const sent = calls.length;
    const over = fill(maxValueBytes + ENVELOPE_ROOM);
    await rejects(() => store.put("b", over, "always"), "TOO_LARGE", "a value over the limit is refused");
    equal(calls.length, sent, "a value over the limit sends no request");
  }),

  storeLaw(
    "a commit of exactly the declared size is applied, one more is TOO_LARGE before any request",
    async (bench) => {
      const { store, calls } = await watched(bench);
      const { maxCommitOps } = store.capabilities.limits;
      const count = Math.min(maxCommitOps, 1_000);
      const ops = (prefix: string, length: number): Parameters<Store["commit"]>[1] =>
        range(length).map((index) => ({
          type: "put",
          key: `{t}${prefix}${index}`,
          value: bench.value("v"),
          when: "absent",
        }));
      const full = await store.commit([{ key: "{t}free", when: "absent" }], ops("a", count - 1));
      must(full.ok, "a commit of exactly maxCommitOps is applied", "ok", full);
      must((await store.get(`{t}a${count - 2}`)) !== undefined, "its last write is there", "the entry", undefined);
      if (maxCommitOps > count) return;
      const sent = calls.length;
      await rejects(
        () => store.commit([], ops("b", maxCommitOps + 1)),
        "TOO_LARGE",
        "a commit over the limit is refused",
      );
      equal(calls.length, sent, "a commit over the limit sends no request");
    },
    { needs: ["commit"] },
  ),

  storeLaw("bad arguments are typed errors before any request", async (bench) => {
    const { store, calls } = await watched(bench);
    const value = bench.value("v");
    const wrong = (argument: unknown): never => argument as never;
    const bad: readonly (readonly [string, () => Promise<unknown>])[] = [
      ["an empty key", () => store.get("")],
      ["a key that is no string", () => store.get(wrong(7))],
      ["a key with a lone surrogate", () => store.get("a\uD800")],
      ["a missing key", () => store.put(wrong(undefined), value, "always")],
      ["a value that is a string", () => store.put("a", wrong("text"), "always")],
      ["a value that is an array", () => store.put("a", wrong([1, 2]), "always")],
      ["a missing condition", () => store.put("a", value, wrong(undefined))],
      ["an unknown condition", () => store.put("a", value, wrong("present"))],
      ["an empty condition", () => store.put("a", value, wrong({}))],
      ["a delete of what is absent", () => store.delete("a", wrong("absent"))],
      ["an empty version", () => store.put("a", value, { version: wrong("") })],
      ["a version that is no string", () => store.delete("a", { version: wrong(3) })],
      ["a ttl of zero", () => store.put("a", value, "always", { ttlMs: 0 })],
      ["a ttl that is no number", () => store.put("a", value, "always", { ttlMs: Number.NaN })],
      ["a limit of zero", () => store.scan({ prefix: "", limit: 0 })[Symbol.asyncIterator]().next()],
      [
        "a prefix that is no string",
        () =>
          store
            .scan({ prefix: wrong(null) })
            [Symbol.asyncIterator]()
            .next(),
      ],
      ["a prefix with a lone surrogate", () => store.scan({ prefix: "\uDC00" })[Symbol.asyncIterator]().next()],
    ];
    for (const [what, call] of bad) await rejects(call, "INVALID_ARGUMENT", `${what} is refused`);
    await rejects(
      () => store.get("k".repeat(store.capabilities.limits.maxKeyBytes + 1)),
      "TOO_LARGE",
      "a key over the limit is refused",
    );
    equal(calls, [], "a bad argument sends no request");
    const listed = (await Array.fromAsync(store.scan({ prefix: "" }))).flat();
    equal(listed.length, 0, "a bad argument changes nothing");
  }),
];

function fill(length: number): Uint8Array {
  return Buffer.alloc(length, "conformance ");
}
