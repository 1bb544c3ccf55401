import { reference } from "./ledger.ts";
import type { Scenario } from "./scenario.ts";
import { type Actor, Stage } from "./stage.ts";

interface Schedule {
  /** The ttl of A's node; by default it outlives the script. */
  readonly ttlMs?: number;
  readonly scenarios: readonly Partial<Scenario>[];
  readonly play: (stage: Stage, a: Actor, b: Actor) => Promise<void>;
}

/** Orders of requests that break a rule which is left out, and that drawn ones meet only by luck. */
const SCHEDULES = {
  "a create lands after its key was granted, freed and swept": {
    scenarios: [{ commit: false }, { commit: true }, { commit: true, partitions: 3 }],
    async play(stage, a, b) {
      const create = a.hold(stage.scenario.commit ? "commit orbit-lease" : "put orbit-lease");
      const taking = a.take();
      await create.made();
      const { lease } = await stage.wait(b.take());
      await stage.wait(lease.release());
      await b.sweep();
      create.land();
      await stage.wait(taking);
    },
  },

  "a newer grant's claim is swept, and the older grant claims the record": {
    scenarios: [{ commit: false }, { commit: true, stores: 3 }],
    async play(stage, a, b) {
      const older = await stage.wait(a.take());
      await b.ends(a);
      const newer = await stage.wait(b.take());
      await stage.wait(newer.read("x"));
      await b.sweep();
      await stage.refused(older.read("x").then((ids) => older.append("x", ids)));
    },
  },

  "a claim that timed out lands after a takeover and a sweep": {
    scenarios: [{ commit: false }, { commit: true, stores: 3 }],
    async play(stage, a, b) {
      const older = await stage.wait(a.take());
      const claim = a.hold("put orbit-state");
      // The first look asks whether the claim was applied; the second begins anew.
      const look = a.hold("get orbit-state", 2);
      const working = older.read("x").then((ids) => older.append("x", ids));
      await claim.made();
      claim.lose();
      await look.made();
      await b.ends(a);
      const newer = await stage.wait(b.take());
      await stage.wait(newer.read("x"));
      await b.sweep();
      claim.land();
      look.land();
      await stage.refused(working);
    },
  },

  "a renewal lands after its node was judged dead and its addressable taken over": {
    ttlMs: 200,
    scenarios: [{ clock: "server-age" }, { clock: "observer" }],
    async play(stage, a, b) {
      await stage.wait(a.take());
      // An observer must have seen the node before.
      await stage.wait(b.opened.leases.acquire(reference(0), b.session));
      const renewal = a.hold("put orbit-node");
      await stage.pass(150);
      // On behalf of a node elsewhere: no belief of this process stops it.
      const renewing = a.opened.members.renew({ id: a.id, epoch: a.session.epoch });
      await renewal.made();
      await stage.pass(100);
      await stage.wait(b.take());
      renewal.land();
      await stage.refused(renewing);
    },
  },

  "a sweep's delete of an ended node lands after the id was joined again": {
    scenarios: [{ honoursDeletes: false }, { honoursDeletes: true }],
    async play(stage, a, b) {
      await b.ends(a);
      const removal = b.hold("delete orbit-node");
      const sweeping = b.opened.members.sweep();
      const isSent = await removal.made(sweeping);
      await a.join(a.opened, 60_000);
      await stage.wait(a.take());
      if (isSent) {
        removal.land();
        await stage.wait(sweeping);
      }
      await stage.stands(a);
    },
  },

  "a sweep's delete of a tombstone lands after the record was written anew": {
    scenarios: [{ honoursDeletes: false }, { honoursDeletes: true }],
    async play(stage, a, b) {
      const ledger = await stage.wait(a.take());
      await stage.wait(ledger.read("x").then(() => ledger.delete("x")));
      await stage.pass(50);
      const removal = b.hold("delete orbit-state");
      const sweeping = b.sweepData();
      if (await removal.made(sweeping)) {
        await stage.wait(ledger.append("x", []));
        removal.land();
        await stage.wait(sweeping);
      }
      await stage.wait(ledger.read("x"));
    },
  },
} as const satisfies Readonly<Record<string, Schedule>>;

export type ScheduleName = keyof typeof SCHEDULES;
export const SCHEDULE_NAMES = Object.keys(SCHEDULES) as readonly ScheduleName[];

/** Plays a schedule in each of its scenarios; returns the first promise that was broken. */
export async function playSchedule(name: ScheduleName): Promise<string | undefined> {
  const { scenarios, play, ttlMs }: Schedule = SCHEDULES[name];
  for (const scenario of scenarios) {
    const stage = new Stage(scenario);
    try {
      await play(stage, await stage.start("A", ttlMs), await stage.start("B"));
    } catch (error) {
      if (stage.world.violation === undefined) throw new Error(stage.world.trace.join("\n"), { cause: error });
    }
    if (stage.world.violation !== undefined) return stage.world.violation;
  }
  return undefined;
}
