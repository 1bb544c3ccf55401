import type { Put, Version } from "@orbit/persistence";

import { equal, LawBroken, must } from "../assert.ts";
import { all, type Keyed, range, turn } from "../bench.ts";
import { explain } from "../history/explain.ts";
import { recordHistory } from "../history/record.ts";
import { driverLaw, type Law, law, storeLaw } from "../law.ts";
import { attempts } from "../traits/attempts.ts";
import { holds, isWinner, won } from "../traits/outcomes.ts";

/** Races through two instances over the one backend, as two processes would run them. */
export const races: readonly Law[] = [
  law("of 20 creators at once exactly one wins, and all others learn the winner", async (bench) => {
    const instances = [await bench.keyed(), await bench.keyed()];
    for (let round = 0; round < bench.rounds(4, 1); round += 1) {
      const key = bench.key(`race${round}`);
      const answers = await all(range(20), (index) =>
        at(instances, index).put(key, bench.value(`w${index}`), "absent"),
      );
      const [winner] = onlyWinner(answers, "a create");
      const entry = await at(instances, 0).get(key);
      must(entry !== undefined, "the winner's entry is there", "an entry", entry);
      equal(entry.version, winner.version, "the entry is the winner's");
      for (const answer of answers) {
        if (!answer.ok) isWinner(bench, answer.current, key, bench.text(entry) ?? "", winner.version, "a lost create");
      }
    }
  }),

  law("of 20 updates at once under one version exactly one wins", async (bench) => {
    const instances = [await bench.keyed(), await bench.keyed()];
    const key = bench.key("a");
    let version = won(await at(instances, 0).put(key, bench.value("start"), "absent"), "a create of an absent key");
    for (let round = 0; round < bench.rounds(4, 1); round += 1) {
      const under = version;
      const answers = await all(range(20), (index) =>
        at(instances, index).put(key, bench.value(`r${round}w${index}`), { version: under }),
      );
      const [winner, index] = onlyWinner(answers, "an update under one version");
      await holds(bench, at(instances, 1), key, `r${round}w${index}`, winner.version, "after the race");
      version = winner.version;
    }
  }),

  storeLaw("of an update and a delete under one version exactly one wins", updateAgainstDelete),
  driverLaw("of an update and a delete under one version exactly one wins", updateAgainstDelete, {
    needs: ["conditionalDelete"],
  }),

  law("increments by compare-and-set through two instances sum exactly", async (bench) => {
    const instances = [await bench.keyed(), await bench.keyed()];
    const key = bench.key("counter");
    const [workers, increments] = [8, bench.rounds(16, 2)];
    await at(instances, 0).put(key, bench.value("0"), "absent");
    await all(range(workers), async (worker) => {
      const kv = at(instances, worker);
      let entry = await kv.get(key);
      const attempt = attempts(workers * workers * increments, "an update loses only when another one wins");
      for (let done = 0; done < increments;) {
        attempt();
        must(entry !== undefined, "a counter that nobody deletes stays", "an entry", entry);
        const next = String(Number(bench.text(entry)) + 1);
        const answer: Put = await kv.put(key, bench.value(next), { version: entry.version });
        if (answer.ok) done += 1;
        entry = answer.ok ? await kv.get(key) : answer.current;
      }
    });
    const found = bench.text(await at(instances, 1).get(key));
    equal(found, String(workers * increments), `${workers} workers with ${increments} increments each lose none`);
  }),

  law("readers never see a torn or an older value", async (bench) => {
    const [writer, reader] = [await bench.keyed(), await bench.keyed()];
    const key = bench.key("a");
    const filler = "x".repeat(Math.min(16_384, bench.capabilities.limits.maxValueBytes / 2));
    const text = (count: number): string => `${count} ${filler} ${count}`;
    await writer.put(key, bench.value(text(0)), "always");
    let writing = true;
    const write = async (): Promise<void> => {
      for (let count = 1; count <= bench.rounds(40, 8); count += 1) {
        await writer.put(key, bench.value(text(count)), "always");
        await turn();
      }
      writing = false;
    };
    const read = async (kv: Keyed): Promise<void> => {
      let last = 0;
      while (writing) {
        const found = bench.text(await kv.get(key)) ?? "";
        const count = Number.parseInt(found, 10);
        must(found === text(count), "a read returns one write whole", `the text of write ${count}`, found);
        must(count >= last, "a reader never goes back to an older value", `write ${last} or later`, count);
        last = count;
        await turn();
      }
    };
    await Promise.all([write().finally(() => (writing = false)), read(reader), read(reader), read(writer)]);
  }),

  law("recorded histories of two instances are linearizable", async (bench) => {
    for (let round = 0; round < bench.rounds(3, 1); round += 1) {
      const history = await recordHistory(bench, `h${round}`);
      const broken = explain(history);
      if (broken === undefined) continue;
      const expected = `an order of all operations in which each sees what the one before it left (seed ${bench.seed})`;
      throw new LawBroken("reads, writes and deletes take effect one after the other", expected, broken);
    }
  }),
];

async function updateAgainstDelete(bench: Parameters<Law["prove"]>[0]): Promise<void> {
  const [one, two] = [await bench.keyed(), await bench.keyed()];
  for (let round = 0; round < bench.rounds(8); round += 1) {
    const key = bench.key(`d${round}`);
    const version = won(await one.put(key, bench.value("one"), "absent"), "a create of an absent key");
    const update = (): Promise<Put> => one.put(key, bench.value("two"), { version });
    const remove = (): ReturnType<Keyed["delete"]> => two.delete(key, { version });
    // Both orders of starting, since an in-process driver takes them as they come.
    const [updated, deleted] =
      round % 2 === 0
        ? await Promise.all([update(), remove()])
        : ((await Promise.all([remove(), update()])).toReversed() as [Put, { ok: boolean }]);
    const won1 = Number(updated.ok) + Number(deleted.ok);
    equal(won1, 1, "an update and a delete under the same version can't both win or both lose");
    equal((await one.get(key)) === undefined, deleted.ok, "the entry is there exactly if the delete lost");
  }
}

/** The only winner of a race, and its place. */
function onlyWinner(answers: readonly Put[], what: string): readonly [{ readonly version: Version }, number] {
  const winners = answers.map((answer, index) => ({ answer, index })).filter(({ answer }) => answer.ok);
  equal(winners.length, 1, `${what}: exactly one of ${answers.length} wins`);
  const [first] = winners;
  if (first === undefined || !first.answer.ok) throw new Error("unreachable: there is one winner");
  return [first.answer, first.index];
}

function at(instances: readonly Keyed[], index: number): Keyed {
  const instance = instances[index % instances.length];
  if (instance === undefined) throw new Error("no instances");
  return instance;
}
