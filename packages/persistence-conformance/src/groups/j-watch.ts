import { getEventListeners } from "node:events";

import { equal, must } from "../assert.ts";
import { all, range } from "../bench.ts";
import { type Law, law, storeLaw } from "../law.ts";
import { join, startProcess, take } from "../traits/cluster.ts";
import { ending, Follower, keyOf, soon } from "../traits/follow.ts";
import { begin } from "../traits/gate.ts";
import { won } from "../traits/outcomes.ts";
import { Stopwatch } from "../traits/time.ts";
import { LATE_MS } from "../traits/timed.ts";
import { resuming } from "./j-resuming.ts";

const needs = { needs: ["watch"] } as const;
const resumable = { needs: ["resumable"] } as const;

/** Streams of changes. Those that do not resume may lose changes, and keep all laws that do not depend on each one. */
export const watches: readonly Law[] = [
  law(
    "a stream shows what every instance writes and deletes, each change once and in order a key",
    async (bench) => {
      const [one, two] = [await bench.watching(), await bench.watching()];
      const [a, b] = [bench.key("a"), bench.key("b")];
      const follower = new Follower(bench, one, { prefix: bench.key("") });
      await follower.start();
      const first = won(await one.put(a, bench.value("1"), "absent"), "a create of an absent key");
      await two.put(b, bench.value("1"), "always");
      won(await two.put(a, bench.value("2"), { version: first }), "an update under the current version");
      await one.delete(b, "always");
      await two.delete(a, "always");
      await two.put(b, bench.value("2"), "absent");
      for (const key of [a, b]) await one.put(key, bench.value("end"), "always");
      await follower.untilAll([a, b], "end", "every change is shown");
      equal(follower.of(a), ["1", "2", undefined, "end"], "the changes of a key are shown once and in their order");
      equal(follower.of(b), ["1", undefined, "2", "end"], "the changes of a key are shown once and in their order");
      await follower.end();
    },
    resumable,
  ),

  law(
    "a change carries the key, the value and the version that a read shows",
    async (bench) => {
      const [one, two] = [await bench.watching(), await bench.keyed()];
      const follower = new Follower(bench, one, { prefix: bench.key("") });
      await follower.start();
      for (const text of ["", "one", "two ☃"]) {
        const key = bench.key(`k${text.length}`);
        await two.put(key, bench.value("before"), "always");
        await follower.untilAll([key], "before", "a write is shown");
        const version = won(await two.put(key, bench.value(text), "always"), "an unconditional write");
        await follower.untilAll([key], text, "a write is shown");
        const shown = follower.changes.at(-1);
        const entry = shown?.type === "put" ? shown.entry : undefined;
        equal({ key: entry?.key, version: entry?.version }, { key, version }, "a change names what was written");
        equal(bench.text(entry), bench.text(await two.get(key)), "a change carries the value that a read shows");
        const next = await two.put(key, bench.value("next"), { version: entry?.version ?? version });
        must(next.ok, "an update under the version that a change carries wins", "ok", next);
      }
      await follower.end();
    },
    resumable,
  ),

  law(
    "a stream shows new writes and nothing that was not written, never older after newer",
    async (bench) => {
      const [one, two] = [await bench.watching(), await bench.keyed()];
      const key = bench.key("a");
      const follower = new Follower(bench, one, { prefix: key });
      await follower.start();
      let written = 0;
      let reading = true;
      const write = async (): Promise<void> => {
        // Without end, since one that may lose changes may lose any of them.
        while (reading) {
          written += 1;
          await two.put(key, bench.value(`${written}`), "always");
          await new Promise((resolve) => setTimeout(resolve, 1));
        }
      };
      const writing = begin(write());
      try {
        await follower.until("new writes are shown", () => follower.changes.length >= 5);
      } finally {
        reading = false;
        await writing;
      }
      const shown = follower.of(key).map(Number);
      for (const [at, count] of shown.entries()) {
        must(count >= 1 && count <= written, "only what was written is shown", `1 to ${written}`, count);
        must(count > (shown[at - 1] ?? 0), "what is newer is shown later", `above ${shown[at - 1]}`, count);
      }
      await follower.end();
    },
    needs,
  ),

  law(
    "a write that is refused is not shown",
    async (bench) => {
      const [one, two] = [await bench.watching(), await bench.keyed()];
      const key = bench.key("a");
      const stale = won(await two.put(key, bench.value("1"), "absent"), "a create of an absent key");
      won(await two.put(key, bench.value("2"), { version: stale }), "an update");
      const follower = new Follower(bench, one, { prefix: key });
      await follower.start();
      for (const when of ["absent", { version: stale }] as const) {
        must(!(await two.put(key, bench.value("lost"), when)).ok, "a write that must lose loses", "a conflict", "ok");
      }
      if (bench.capabilities.conditionalDelete) await two.delete(key, { version: stale });
      await two.put(key, bench.value("end"), "always");
      await follower.untilAll([key], "end", "a write is shown");
      equal(follower.of(key), ["end"], "a write that is refused changes nothing and is not shown");
      await follower.end();
    },
    resumable,
  ),

  law(
    "a stream shows its prefix alone",
    async (bench) => {
      const [one, two] = [await bench.watching(), await bench.keyed()];
      const follower = new Follower(bench, one, { prefix: bench.key("ab") });
      await follower.start();
      const inside = ["ab", "abc", "ab-"].map((name) => bench.key(name));
      const outside = ["a", "b", "aab", "aB", "AB"].map((name) => bench.key(name));
      for (const key of [...outside, ...inside, ...outside]) await two.put(key, bench.value("end"), "always");
      await follower.untilAll(inside, "end", "every change under the prefix is shown");
      const shown = new Set(follower.changes.map(keyOf));
      equal([...shown].sort(), [...inside].sort(), "nothing is shown beside the prefix");
      await follower.end();
    },
    resumable,
  ),

  storeLaw(
    "a stream shows its own namespace and data alone",
    async (bench) => {
      const process = await startProcess(bench);
      const other = await bench.store({ namespace: `${bench.namespace}-b` });
      const follower = new Follower(bench, process.store, { prefix: "" });
      await follower.start();
      await other.put("a", bench.value("foreign"), "always");
      await take(process, await join(process, "n"));
      await process.store.put("a", bench.value("end"), "always");
      await follower.untilAll(["a"], "end", "a write is shown");
      equal(follower.changes.map(keyOf), ["a"], "neither another namespace nor nodes and leases are shown");
      equal(follower.of("a"), ["end"], "another namespace's entry of the same name is not shown");
      await follower.end();
    },
    resumable,
  ),

  storeLaw(
    "many writes of one call are all shown",
    async (bench) => {
      const [one, two] = [await bench.store(), await bench.store()];
      const follower = new Follower(bench, one, { prefix: "" });
      await follower.start();
      const keys = range(bench.rounds(200, 20)).map((index) => `k${index}`);
      await two.write(keys.map((key) => ({ type: "put", key, value: bench.value("end"), when: "always" })));
      await follower.untilAll(keys, "end", "every write of many is shown");
      equal(follower.changes.length, keys.length, "each of them is shown once");
      await follower.end();
    },
    resumable,
  ),

  storeLaw(
    "a commit shows all that it changed, and nothing of what it checked or was refused",
    async (bench) => {
      const [one, two] = [await bench.store(), await bench.store()];
      const gone = won(await two.put("{t}gone", bench.value("1"), "absent"), "a create of an absent key");
      const version = won(await two.put("{t}old", bench.value("1"), "absent"), "a create of an absent key");
      const follower = new Follower(bench, one, { prefix: "" });
      await follower.start();
      const put = (key: string, text: string) =>
        ({ type: "put", key: `{t}${key}`, value: bench.value(text), when: "always" }) as const;
      const refused = await two.commit([{ key: "{t}old", when: "absent" }], [put("a", "lost"), put("b", "lost")]);
      equal(refused.ok, false, "a commit whose check fails is refused");
      const remove = { type: "delete", key: "{t}gone", when: { version: gone } } as const;
      const done = await two.commit([{ key: "{t}old", when: { version } }], [put("a", "end"), put("b", "end"), remove]);
      must(done.ok, "a commit whose conditions hold is applied", "ok", done);
      await two.put("{t}gone", bench.value("end"), "absent");
      await follower.untilAll(["{t}a", "{t}b", "{t}gone"], "end", "every change of a commit is shown");
      equal(follower.of("{t}a"), ["end"], "a refused commit shows nothing");
      equal(follower.of("{t}gone"), [undefined, "end"], "a delete of a commit is shown");
      equal(follower.of("{t}old"), [], "what is only checked is not shown");
      await follower.end();
    },
    { needs: ["commit", "resumable"] },
  ),

  storeLaw(
    "the end of a time to live is shown as a delete",
    async (bench) => {
      const [one, two] = [await bench.store(), await bench.store()];
      const follower = new Follower(bench, one, { prefix: "" });
      await follower.start();
      const step = bench.capabilities.limits.ttlGranularityMs;
      const ttlMs = Math.max(150, 1.5 * step);
      const watch = new Stopwatch(bench.harness);
      await two.put("a", bench.value("1"), "absent", { ttlMs });
      await follower.untilAll(["a"], "1", "a write with a ttl is shown");
      let isShown = false;
      const reading = follower.until("an expiry is shown", () => follower.changes.length > 1);
      void reading.then(() => (isShown = true)).catch(() => undefined);
      const wait = { law: "an expiry is shown", withinMs: ttlMs + step + LATE_MS };
      await watch.until(wait, async () => isShown);
      await reading;
      equal(follower.of("a"), ["1", undefined], "an expiry is shown as a delete");
      equal(await two.get("a"), undefined, "what is shown as expired is gone");
      await follower.end();
    },
    { needs: ["ttl", "resumable"] },
  ),

  storeLaw(
    "the end of a session is shown as deletes of its keys",
    async (bench) => {
      const [one, two] = [await bench.store(), await bench.store()];
      const follower = new Follower(bench, one, { prefix: "" });
      await follower.start();
      const session = await two.session(60_000);
      for (const key of ["a", "b"]) await two.put(key, bench.value("1"), "absent", { session });
      await session.revoke();
      await follower.until("the keys of a session are shown as deleted", () => follower.changes.length >= 4);
      equal(
        [follower.of("a"), follower.of("b")],
        [
          ["1", undefined],
          ["1", undefined],
        ],
        "each key is deleted once",
      );
      await follower.end();
    },
    { needs: ["session", "resumable"] },
  ),

  law(
    "many streams at once show everything each",
    async (bench) => {
      const [one, two] = [await bench.watching(), await bench.keyed()];
      const keys = range(5).map((index) => bench.key(`k${index}`));
      const followers = range(bench.rounds(30, 6)).map(() => new Follower(bench, one, { prefix: bench.key("") }));
      await all(followers, (follower) => follower.start());
      for (const text of ["1", "2", "end"]) {
        for (const key of keys) await two.put(key, bench.value(text), "always");
      }
      await all(followers, async (follower) => {
        await follower.untilAll(keys, "end", "every stream shows every change");
        for (const key of keys) equal(follower.of(key), ["1", "2", "end"], "every stream shows each change once");
        await follower.end();
      });
    },
    resumable,
  ),

  law(
    "a reader that falls behind is shown the rest in order, or is told to read anew",
    async (bench) => {
      const [one, two] = [await bench.watching(), await bench.keyed()];
      const keys = range(8).map((index) => bench.key(`k${index}`));
      const follower = new Follower(bench, one, { prefix: bench.key("") });
      await follower.start();
      const last = bench.rounds(160, 20);
      await all(keys, async (key) => {
        for (let count = 1; count <= last; count += 1) {
          await two.put(key, bench.value(`${count} ${"x".repeat(900)}`), "always");
        }
      });
      const isThere = (): boolean => follower.resyncs.length > 1 || follower.changes.length >= keys.length * last;
      await follower.until("a reader that falls behind comes to the present", isThere);
      if (follower.resyncs.length === 1) {
        const expected = range(last).map((index) => index + 1);
        for (const key of keys) {
          const shown = follower.of(key).map((text) => Number.parseInt(text ?? "", 10));
          equal(shown, expected, "nothing is left out in silence, however late it is read");
        }
      }
      await follower.end();
    },
    resumable,
  ),

  law(
    "a signal ends a stream, also a quiet one, and is not listened to afterwards",
    async (bench) => {
      const [one, two] = [await bench.watching(), await bench.keyed()];
      for (const busy of [false, true]) {
        const abort = new AbortController();
        const follower = new Follower(bench, one, { prefix: bench.key(""), signal: abort.signal });
        await follower.start();
        if (busy) await two.put(bench.key("a"), bench.value("1"), "always");
        if (busy) await follower.until("a write is shown", () => follower.changes.length > 0);
        const next = follower.next();
        abort.abort();
        await ending(next, "ABORTED", "a signal ends a stream");
        await ending(follower.next(), "ABORTED", "a stream that was ended stays ended");
        const left = getEventListeners(abort.signal, "abort").length;
        equal(left, 0, "a stream that has ended does not listen to its signal");
      }
      // A driver is not called with a signal that has fired.
      if (bench.level === "driver") return;
      const follower = new Follower(bench, one, { prefix: bench.key(""), signal: AbortSignal.abort() });
      await ending(follower.next(), "ABORTED", "a signal that has fired ends a stream at once");
    },
    needs,
  ),

  law(
    "closing an instance ends its streams, and leaves those of others",
    async (bench) => {
      const [one, two] = [await bench.watching(), await bench.watching()];
      const [mine, theirs] = [one, two].map((each) => new Follower(bench, each, { prefix: bench.key("") }));
      must(mine !== undefined && theirs !== undefined, "there are two", "streams", undefined);
      await all([mine, theirs], (follower) => follower.start());
      const next = mine.next();
      await soon(one.close(), "an instance closes while it is watched", "the end of close");
      await ending(next, "CLOSED ABORTED", "closing an instance ends its streams");
      await two.put(bench.key("a"), bench.value("1"), "always");
      if (bench.capabilities.watch === "resumable") await theirs.untilAll([bench.key("a")], "1", "the others go on");
      await theirs.end();
    },
    needs,
  ),

  law(
    "who leaves a loop over a stream leaves nothing behind, and other streams go on",
    async (bench) => {
      const [one, two] = [await bench.watching(), await bench.keyed()];
      const other = new Follower(bench, one, { prefix: bench.key("") });
      await other.start();
      const { signal } = new AbortController();
      for (let round = 0; round < bench.rounds(30, 5); round += 1) {
        for await (const _ of one.watch?.({ prefix: bench.key("") }, { signal }) ?? []) break;
      }
      equal(getEventListeners(signal, "abort").length, 0, "a stream that was left does not listen to its signal");
      await two.put(bench.key("a"), bench.value("1"), "always");
      if (bench.capabilities.watch === "resumable") await other.untilAll([bench.key("a")], "1", "the others go on");
      await other.end();
      await soon(one.close(), "an instance closes after its streams were left", "the end of close");
    },
    needs,
  ),

  ...resuming,
];
