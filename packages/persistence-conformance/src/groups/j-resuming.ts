import type { Cursor } from "@orbit/persistence";

import { equal, must } from "../assert.ts";
import { all, type Bench, range, turn } from "../bench.ts";
import { type Law, law } from "../law.ts";
import { Follower, keyOf } from "../traits/follow.ts";
import { begin } from "../traits/gate.ts";

/** Where streams begin: after a cursor, or with a resync and what is read anew. */
export const resuming: readonly Law[] = [
  law(
    "a stream resumes after any cursor, in another instance too, without gap and without repetition",
    async (bench) => {
      const [one, two] = [await bench.watching(), await bench.watching()];
      const keys = range(3).map((index) => bench.key(`k${index}`));
      const first = new Follower(bench, one, { prefix: bench.key("") });
      const start = await first.start();
      for (const text of ["1", "2", undefined, "3", "end"]) {
        for (const key of keys) {
          if (text === undefined) await two.delete(key, "always");
          else await two.put(key, bench.value(text), "always");
        }
      }
      await first.untilAll(keys, "end", "every change is shown");
      await one.close();
      const cursors = [start, ...first.changes.map(({ cursor }) => cursor)];
      const followers = cursors.map((from) => new Follower(bench, two, { prefix: bench.key(""), from }));
      // A stream may open at its first read: all are to be there before the next change.
      const reading = followers.map((follower, at) =>
        at === cursors.length - 1 ? follower.next() : follower.step("a stream that resumes shows what came after"),
      );
      for (const step of reading) step.catch(() => undefined);
      await Promise.all(reading.slice(0, -1));
      for (const key of keys) await two.put(key, bench.value("more"), "always");
      await reading.at(-1);
      await all(followers, async (follower, at) => {
        await follower.untilAll(keys, "more", "a stream that resumes goes on with what is new");
        equal(follower.resyncs, [], "a stream resumes after a cursor that is young enough, without a resync");
        const after = first.changes.slice(at);
        for (const key of keys) {
          const expected = after.filter((change) => keyOf(change) === key).map((change) => first.textOf(change));
          equal(follower.of(key), [...expected, "more"], `the stream after change ${at} shows all that followed, once`);
        }
        await follower.end();
      });
    },
    { needs: ["resumable"] },
  ),

  law(
    "watch, then read: what is not in the list comes in the stream",
    async (bench) => {
      const [one, two] = [await bench.watching(), await bench.keyed()];
      const prefix = bench.key("");
      for (let round = 0; round < bench.rounds(6, 4); round += 1) {
        const keys = range(bench.rounds(40, 12)).map((index) => bench.key(`r${round}-${index}`));
        const write = async (): Promise<void> => {
          for (const key of keys) {
            await two.put(key, bench.value("end"), "absent");
            await turn();
          }
        };
        const writing = begin(write());
        for (let pause = bench.random.number() * keys.length; pause > 1; pause -= 1) await turn();
        const follower = new Follower(bench, one, { prefix });
        await follower.start();
        const listed = (await Array.fromAsync(one.scan({ prefix }))).flat().map(({ key }) => key);
        await writing;
        const missing = keys.filter((key) => !listed.includes(key));
        await follower.untilAll(missing, "end", "a write that the list does not show comes in the stream");
        await follower.end();
      }
    },
    { needs: ["resumable"] },
  ),

  law(
    "a cursor of nobody's starts with a resync, and what comes later is shown",
    async (bench) => {
      const instance = await bench.watching();
      const own = new Follower(bench, instance, { prefix: bench.key("") });
      const start = await own.start();
      await own.end();
      for (const from of ["", "made up", `${start}!`, `!${start}`]) await beginsAnew(bench, instance, from as Cursor);
    },
    { needs: ["watch"] },
  ),

  law(
    "a cursor that is too old starts with a resync, and what comes later is shown",
    async (bench) => {
      const instance = await bench.watching();
      const follower = new Follower(bench, instance, { prefix: bench.key("") });
      const start = await follower.start();
      await follower.end();
      for (const text of ["1", "2"]) await instance.put(bench.key("a"), bench.value(text), "always");
      const forgotten = bench.faults.forgetChanges?.();
      must(forgotten !== undefined, "the fault is given", "forgetChanges", undefined);
      await forgotten;
      await beginsAnew(bench, instance, start);
    },
    { needs: ["resumable"], fault: "forgetChanges" },
  ),
];

async function beginsAnew(bench: Bench, instance: Awaited<ReturnType<Bench["watching"]>>, from: Cursor): Promise<void> {
  const key = bench.key("later");
  const follower = new Follower(bench, instance, { prefix: bench.key(""), from });
  const law = `a stream after the cursor ${JSON.stringify(from)}, which tells nothing, starts with a resync`;
  const first = await follower.step(law);
  must("type" in first && first.type === "resync", law, "a resync", first);
  await instance.put(key, bench.value(from), "always");
  if (bench.capabilities.watch === "resumable") await follower.untilAll([key], from, "what comes later is shown");
  await follower.end();
}
