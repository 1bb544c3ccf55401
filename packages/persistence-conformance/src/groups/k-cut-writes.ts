import { type Entry, StoreError, type Version } from "@orbit/persistence";
import type { StoreDriver } from "@orbit/persistence/driver";

import { equal, LawBroken, must } from "../assert.ts";
import type { Bench, Keyed } from "../bench.ts";
import { type Law, law } from "../law.ts";
import { eventually, honestlyApplied, outcome, pause, under, warm, worksAgain } from "../traits/faults.ts";
import { soon } from "../traits/follow.ts";
import { won } from "../traits/outcomes.ts";
import type { Need } from "../traits/unsupported.ts";

type Instance = Keyed & Partial<Pick<StoreDriver, "commit" | "write">>;

/** One way to write a key. Those with `prior` find an old entry there. */
interface Way {
  readonly name: string;
  readonly needs?: readonly Need[];
  readonly prior: boolean;
  readonly conditional: boolean;
  readonly send: (to: Instance, key: string, value: Uint8Array, version: Version) => Promise<unknown>;
  readonly applied: (text: string | undefined) => boolean;
}

const isNew = (text: string | undefined): boolean => text === "new";

const WAYS: readonly Way[] = [
  {
    name: "a create",
    prior: false,
    conditional: true,
    send: (to, key, value) => to.put(key, value, "absent"),
    applied: isNew,
  },
  {
    name: "an update",
    prior: true,
    conditional: true,
    send: (to, key, value, version) => to.put(key, value, { version }),
    applied: isNew,
  },
  {
    name: "an unconditional write",
    prior: true,
    conditional: false,
    send: (to, key, value) => to.put(key, value, "always"),
    applied: isNew,
  },
  {
    name: "a delete under a version",
    needs: ["conditionalDelete"],
    prior: true,
    conditional: true,
    send: (to, key, _value, version) => to.delete(key, { version }),
    applied: (text) => text === undefined,
  },
  {
    name: "a commit",
    needs: ["commit"],
    prior: true,
    conditional: true,
    async send(to, key, value, version) {
      return to.commit?.([], [{ type: "put", key, value, when: { version } }]);
    },
    applied: isNew,
  },
  {
    name: "one of many writes",
    needs: ["write"],
    prior: true,
    conditional: true,
    async send(to, key, value, version) {
      return (await to.write?.([{ type: "put", key, value, when: { version } }]))?.[0];
    },
    applied: isNew,
  },
];

/** How often a request is sent on a connection whose answers are lost until one has reached the backend. */
const TRIES = 5;

export const cutWrites: readonly Law[] = [
  ...WAYS.map((way) =>
    law(
      `cut after it was sent: ${way.name} that was applied is told as applied or as unknown, never as a conflict`,
      async (bench) => {
        const [direct, cut] = [await bench.keyed(), await bench.keyed({ linked: true })];
        for (let attempt = 0; attempt < TRIES; attempt += 1) {
          if (await sendAndCut(bench, direct, cut, way, `t${attempt}`)) return;
        }
        const reaches = "while answers are dropped, a request on an open connection reaches the backend";
        throw new LawBroken(reaches, `one of ${TRIES}`, "none");
      },
      { needs: way.needs ?? [], fault: "dropAnswers" },
    ),
  ),

  ...WAYS.filter(({ conditional }) => conditional).map((way) =>
    law(
      `cut after it was sent: ${way.name} and another's under the same condition never both win`,
      async (bench) => {
        const [direct, cut] = [await bench.keyed(), await bench.keyed({ linked: true })];
        for (let round = 0; round < bench.rounds(6, 3); round += 1) {
          const { key, version } = await place(bench, direct, way, `r${round}`);
          await warm(bench, cut);
          await under(bench.faults.dropAnswers(), async (heal) => {
            const mine = outcome(way.send(cut, key, bench.value("new"), version));
            await pause(bench.random.number() * 4);
            const theirs = await direct.put(key, bench.value("theirs"), way.prior ? { version } : "absent");
            await heal();
            const told = await soon(mine, "every call settles once the link is healed", "an answer");
            if (theirs.ok) must(!isOk(told), "of two writes under one condition one wins", "no second winner", told);
            const found = bench.text(await direct.get(key));
            const winner = theirs.ok ? found === "theirs" : way.applied(found);
            must(winner, "the winner's write stands", theirs.ok ? "theirs" : "what was cut off", found);
            if (!theirs.ok) honestlyApplied(told, way.name);
          });
        }
      },
      { needs: way.needs ?? [], fault: "dropAnswers" },
    ),
  ),

  ...WAYS.filter(({ conditional }) => conditional).map((way) =>
    law(
      `held up on its way: ${way.name} that lands late does not undo what was written since`,
      async (bench) => {
        const [direct, cut] = [await bench.keyed(), await bench.keyed({ linked: true })];
        const { key, version } = await place(bench, direct, way, "a");
        await warm(bench, cut);
        await under(bench.faults.hang(), async (heal) => {
          const mine = outcome(way.send(cut, key, bench.value("new"), version));
          await pause(20);
          won(await direct.put(key, bench.value("theirs"), way.prior ? { version } : "absent"), "a write by another");
          await heal();
          const told = await soon(mine, "every call settles once the link is healed", "an answer");
          must(!isOk(told), `${way.name} that came too late does not win`, "a conflict or an error", told);
        });
        await worksAgain(bench, cut, "a hang");
        equal(bench.text(await direct.get(key)), "theirs", "what was written meanwhile stands");
      },
      { needs: way.needs ?? [], fault: "hang" },
    ),
  ),
];

/** Whether the write reached the backend. */
async function sendAndCut(bench: Bench, direct: Keyed, cut: Instance, way: Way, name: string): Promise<boolean> {
  const { key, version } = await place(bench, direct, way, name);
  await warm(bench, cut);
  return under(bench.faults.dropAnswers(), async (heal) => {
    let settled = false;
    const writing = outcome(way.send(cut, key, bench.value("new"), version)).finally(() => (settled = true));
    const isApplied = async (): Promise<boolean> => way.applied(bench.text(await direct.get(key)));
    await eventually("a request is applied or fails", async () => settled || (await isApplied()));
    await heal();
    const told = await soon(writing, "every call settles once the link is healed", "an answer");
    const applied = await isApplied();
    if (applied) honestlyApplied(told, way.name);
    else must(!isOk(told), `${way.name} that was not applied is not told as applied`, "an error", told);
    return applied;
  });
}

async function place(
  bench: Bench,
  direct: Keyed,
  way: Way,
  name: string,
): Promise<{ readonly key: string; readonly version: Version }> {
  const key = bench.key(name);
  const old: Pick<Entry, "version"> | undefined = way.prior
    ? { version: won(await direct.put(key, bench.value("old"), "absent"), "a create of an absent key") }
    : undefined;
  return { key, version: old?.version ?? ("" as Version) };
}

function isOk(answer: unknown): boolean {
  return !StoreError.is(answer) && (answer as { ok?: boolean }).ok === true;
}
