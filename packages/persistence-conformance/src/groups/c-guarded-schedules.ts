import { guarded, StoreError } from "@orbit/persistence";

import { equal, must, rejects } from "../assert.ts";
import { turn } from "../bench.ts";
import { type Law, storeLaw } from "../law.ts";
import { join, robot, startProcess, take, writeOf } from "../traits/cluster.ts";
import { begin, Gate } from "../traits/gate.ts";

const bytes = (text: string): Uint8Array => Buffer.from(text);
const text = (value: Uint8Array | undefined): string | undefined => value && Buffer.from(value).toString();

/** Orders of requests that let a superseded grant write, where a rule about guarded data is left out. */
export const guardedSchedules: readonly Law[] = [
  storeLaw(
    "schedule: A's guarded create is under way · B takes over and reads the record as absent · A's create lands: refused",
    async (bench) => {
      const gate = new Gate();
      const [one, two] = [await startProcess(bench, { around: gate.around }), await startProcess(bench)];
      const [a, b] = [await join(one, "a"), await join(two, "b")];
      const mine = guarded(one.store, await take(one, a), { allowWeak: true });
      const held = gate.hold(writeOf(one));
      const writing = begin(mine.put("x", bytes("A")));
      await held.arrived;
      await two.members.leave(a);
      const theirs = guarded(two.store, await take(two, b), { allowWeak: true });
      equal(await theirs.get("x"), undefined, "the newer grant reads the record as absent");
      await theirs.put("x", bytes("B"));
      await held.pass();
      await rejects(() => writing, "LEASE_LOST", "the older grant's create is refused");
      equal(text(await theirs.get("x")), "B", "the newer grant's record stands");
    },
  ),

  ...[false, true].map((writes) => {
    const doing = writes ? "reads the record as absent and writes it" : "reads the record as absent";
    const name = `schedule: in another store, A's create is under way · B takes over and ${doing} · A's create lands: refused`;
    return storeLaw(name, async (bench) => {
      const [one, two] = [await startProcess(bench), await startProcess(bench)];
      const [a, b] = [await join(one, "a"), await join(two, "b")];
      const gate = new Gate();
      const around = { around: gate.around };
      const mine = guarded(await bench.store({}, around), await take(one, a), { allowWeak: true });
      const held = gate.hold({ operation: "put", kind: "state" });
      const writing = begin(mine.put("x", bytes("A")));
      await held.arrived;
      await two.members.leave(a);
      const theirs = guarded(await bench.store(), await take(two, b), { allowWeak: true });
      equal(await theirs.get("x"), undefined, "the newer grant reads the record as absent");
      if (writes) await theirs.put("x", bytes("B"));
      await held.pass();
      await rejects(() => writing, "LEASE_LOST", "the older grant's create is refused");
      equal(text(await theirs.get("x")), writes ? "B" : undefined, "what the newer grant saw and wrote stands");
    });
  }),

  // What reads it next may be the claim itself, which looks whether it was applied, or the access that tries anew.
  ...[0, 1].map((skip) =>
    storeLaw(
      `schedule: a claim that timed out lands after a takeover and before read ${skip + 1}: it is not taken for one's own`,
      async (bench) => {
        const [one, two] = [await startProcess(bench), await startProcess(bench)];
        const [a, b] = [await join(one, "a"), await join(two, "b")];
        const gate = new Gate();
        const mine = guarded(await bench.store({}, { around: gate.around }), await take(one, a), { allowWeak: true });
        const claim = gate.hold({ operation: "put", kind: "state" });
        const reading = begin(mine.get("x"));
        await claim.arrived;
        const next = gate.hold({ operation: "get", kind: "state", skip });
        claim.lose();
        await next.arrived;
        await two.members.leave(a);
        const theirs = await take(two, b);
        // The claim lands on a record that nobody has claimed since: it looks like A's own.
        await claim.land();
        await next.pass();
        await rejects(() => reading, "LEASE_LOST", "a claim is believed only after the lease was confirmed");
        const data = guarded(await bench.store(), theirs, { allowWeak: true });
        await data.put("x", bytes("B"));
        await rejects(() => mine.put("x", bytes("A")), "LEASE_LOST", "the older grant writes nothing");
        equal(text(await data.get("x")), "B", "the newer grant's record stands");
      },
    ),
  ),

  storeLaw(
    "schedule: a guarded write is under way · B takes over and reads · the write lands: refused, and B's reading holds",
    async (bench) => {
      const [one, two] = [await startProcess(bench), await startProcess(bench)];
      const [a, b] = [await join(one, "a"), await join(two, "b")];
      const gate = new Gate();
      const mine = guarded(await bench.store({}, { around: gate.around }), await take(one, a), { allowWeak: true });
      await mine.put("x", bytes("1"));
      const held = gate.hold({ operation: "put", kind: "state" });
      const writing = begin(mine.put("x", bytes("2")));
      await held.arrived;
      await two.members.leave(a);
      const theirs = guarded(await bench.store(), await take(two, b), { allowWeak: true });
      equal(text(await theirs.get("x")), "1", "the newer grant reads what was acknowledged");
      await held.pass();
      await rejects(() => writing, "LEASE_LOST", "the older grant's write is refused");
      equal(text(await theirs.get("x")), "1", "what the newer grant read stands");
    },
  ),

  storeLaw(
    "schedule: a guarded commit is under way · B takes over · the commit lands: a superseded grant writes nothing at all",
    async (bench) => {
      const gate = new Gate();
      const [one, two] = [await startProcess(bench, { around: gate.around }), await startProcess(bench)];
      const [a, b] = [await join(one, "a"), await join(two, "b")];
      const mine = guarded(one.store, await take(one, a), { allowWeak: true });
      await mine.put("x", bytes("1"));
      const held = gate.hold({ operation: "commit" });
      const writing = begin(mine.put("x", bytes("2")));
      await held.arrived;
      await two.members.leave(a);
      const theirs = guarded(two.store, await take(two, b), { allowWeak: true });
      await held.pass();
      await rejects(() => writing, "LEASE_LOST", "the superseded grant's write is refused");
      equal(text(await theirs.get("x")), "1", "it has written nothing, though nobody had read the record since");
    },
    { needs: ["commit"] },
  ),

  storeLaw("a guarded write that races a takeover lands before it or not at all", async (bench) => {
    const [one, two] = [await startProcess(bench), await startProcess(bench)];
    for (let round = 0; round < bench.rounds(12, 4); round += 1) {
      const [a, b] = [await join(one, "a"), await join(two, "b")];
      const reference = robot(`r${round}`);
      const mine = guarded(one.store, await take(one, a, reference), { allowWeak: true });
      await mine.put("x", bytes("1"));
      const writing = begin(mine.put("x", bytes("2")));
      for (let pause = 0; pause < round % 4; pause += 1) await turn();
      await two.members.leave(a);
      const theirs = guarded(two.store, await take(two, b, reference), { allowWeak: true });
      const seen = text(await theirs.get("x"));
      const answer = await writing.then(
        () => "acknowledged",
        (error: unknown) => error,
      );
      const settled = answer === "acknowledged" || (StoreError.is(answer) && answer.code === "LEASE_LOST");
      must(settled, "a guarded write is acknowledged or refused", "either", answer);
      if (answer === "acknowledged")
        equal(seen, "2", "an acknowledged write of the older grant is seen by the newer one");
      equal(text(await theirs.get("x")), seen, "after the newer grant has read, the older one's write does not land");
      await b.leave();
    }
  }),
];
