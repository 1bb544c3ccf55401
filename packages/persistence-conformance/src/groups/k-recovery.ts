import { type Cursor, StoreError, type Version } from "@orbit/persistence";

import { equal, must } from "../assert.ts";
import { all, type Bench, range, turn } from "../bench.ts";
import { type Law, law, storeLaw } from "../law.ts";
import { join, robot, startProcess, take } from "../traits/cluster.ts";
import { eventually, isBroken, outcome, pause, soonest, under, warm, worksAgain } from "../traits/faults.ts";
import { Follower, soon, type Watching } from "../traits/follow.ts";

const LINK = ["refuse", "hang", "dropAnswers"] as const;
const SERVER = ["restart", "failover"] as const;
type ServerFault = (typeof SERVER)[number];

const NAMES = {
  refuse: "a cut",
  hang: "a hang",
  dropAnswers: "lost answers",
  restart: "a restart",
  failover: "a failover",
} as const;

/** What stands after a fault: the instance goes on, nothing acknowledged is lost, streams miss nothing in silence. */
export const recovery: readonly Law[] = [
  ...LINK.map((fault) =>
    law(
      `after ${NAMES[fault]} the same instance works again, and reads what was written meanwhile`,
      async (bench) => {
        const [direct, instance] = [await bench.keyed(), await bench.keyed({ linked: true })];
        const key = bench.key("a");
        await warm(bench, instance);
        await under(bench.faults[fault](), async (heal) => {
          const calls = all(range(8), () => outcome(instance.get(key, soonest())));
          await direct.put(key, bench.value("meanwhile"), "absent");
          await heal();
          await calls;
        });
        await worksAgain(bench, instance, NAMES[fault]);
        equal(bench.text(await instance.get(key)), "meanwhile", "what others wrote in an outage is read after it");
      },
      { fault },
    ),
  ),

  ...LINK.map((fault) =>
    law(
      `over ${NAMES[fault]} a stream of changes goes on, and what it misses it says`,
      async (bench) => streamOver(bench, (during) => under(bench.faults[fault](), during)),
      { needs: ["watch"], fault },
    ),
  ),

  storeLaw(
    "a session outlives an outage that is shorter than its time",
    async (bench) => {
      const [direct, store] = [await bench.store(), await bench.store({}, { linked: true })];
      const session = await store.session(120_000);
      await store.put("a", bench.value("one"), "absent", { session });
      await under(bench.faults.refuse(), async () => {
        await outcome(session.keepAlive(soonest()));
      });
      await eventually("a session is kept alive again after an outage", () => session.keepAlive().then(() => true));
      equal(bench.text(await direct.get("a")), "one", "what is tied to the session is still there");
      await session.revoke();
    },
    { needs: ["session"], fault: "refuse" },
  ),

  ...SERVER.map((fault) =>
    storeLaw(
      `after ${NAMES[fault]} the same instance works again, and nothing acknowledged is lost that was promised to stay`,
      async (bench) => {
        const store = await bench.store({}, { linked: true });
        const made = new Map<string, Version>();
        let writing = true;
        const write = async (writer: number): Promise<void> => {
          for (let count = 0; writing; count += 1) {
            const key = `w${writer}-${count}`;
            const answer = await outcome(store.put(key, bench.value(key), "absent", soonest()));
            if (StoreError.is(answer) && !isBroken(answer)) throw answer;
            if (!StoreError.is(answer)) made.set(key, (answer as { version: Version }).version);
            await turn();
          }
        };
        const writers = Promise.all(range(4).map(write)).finally(() => (writing = false));
        writers.catch(() => undefined);
        await eventually("writes are acknowledged", async () => made.size > 20 || !writing);
        await breakServer(bench, fault);
        const before = made.size;
        await eventually("writes are acknowledged again", async () => made.size > before + 20 || !writing);
        writing = false;
        await writers;
        await worksAgain(bench, store, NAMES[fault]);
        if (!isKept(bench, fault)) return;
        const lost = [];
        for (const [key, version] of made) {
          if ((await store.get(key))?.version !== version) lost.push(key);
        }
        equal(lost, [], `every acknowledged write is there after ${NAMES[fault]}`);
      },
      { fault },
    ),
  ),

  ...SERVER.map((fault) =>
    storeLaw(
      `over ${NAMES[fault]} leases stand and fences rise`,
      async (bench) => {
        const one = await startProcess(bench, { linked: true });
        const a = await join(one, "a");
        const lease = await take(one, a);
        await breakServer(bench, fault);
        if (!isKept(bench, fault)) {
          await worksAgain(bench, one.store, NAMES[fault]);
          return;
        }
        await eventually("a lease is looked up again", async () => {
          const found = await one.leases.lookup(robot("bob"));
          equal(found?.grant, lease.grant, "a lease that was granted stands");
          return true;
        });
        await eventually("a node renews again", () => a.renew().then(() => true));
        const again = await take(one, a);
        must(again.fence > lease.fence, "the next fence is higher", `above ${lease.fence}`, again.fence);
      },
      { fault },
    ),
  ),

  ...SERVER.map((fault) =>
    law(
      `over ${NAMES[fault]} a stream of changes goes on, and what it misses it says`,
      async (bench) =>
        streamOver(bench, async (during) => {
          await breakServer(bench, fault);
          await during();
        }),
      { needs: ["watch"], fault },
    ),
  ),
];

async function breakServer(bench: Bench, fault: ServerFault): Promise<void> {
  const broken = bench.faults[fault]?.();
  must(broken !== undefined, "the fault is given", fault, undefined);
  await broken;
}

/** Whether acknowledged writes survive it, by what the driver declares. */
function isKept({ capabilities }: Bench, fault: ServerFault): boolean {
  const { durability, consistency } = capabilities;
  if (fault === "restart") return durability === "disk" || durability === "quorum";
  return durability === "quorum" && consistency === "linearizable";
}

/** A stream breaks while others write: its reader is shown what they wrote, or is told to read anew. */
async function streamOver(bench: Bench, outage: (during: () => Promise<void>) => Promise<void>): Promise<void> {
  const direct = await bench.keyed();
  const reader = new Reader(bench, await bench.watching({ linked: true }));
  const key = bench.key("watched");
  const write = (text: string): Promise<void> =>
    eventually("the backend takes writes past the link", async () => {
      return (await direct.put(key, bench.value(text), "always", soonest())).ok;
    });
  await reader.start();
  await write("before");
  await reader.untilTold("before");
  // A read waits when the link breaks, as that of most readers does.
  void reader.ask();
  await outage(() => write("during"));
  if (bench.capabilities.watch === "resumable") await reader.untilTold("during");
  await eventually("after an outage a stream shows new writes", async () => {
    await write("after");
    return Promise.race([reader.untilTold("after").then(() => true), pause(500).then(() => false)]);
  });
  await reader.end();
}

/** Reads a stream of one key, and opens it anew where it stopped when it fails. */
class Reader {
  readonly #bench: Bench;
  readonly #instance: Watching;
  #follower: Follower;
  #pending: Promise<unknown> | undefined;

  constructor(bench: Bench, instance: Watching) {
    this.#bench = bench;
    this.#instance = instance;
    this.#follower = this.#open(undefined);
  }

  async start(): Promise<void> {
    await this.#follower.start();
  }

  /** Has the next item asked for. */
  ask(): Promise<unknown> {
    return (this.#pending ??= outcome(this.#follower.next()).finally(() => (this.#pending = undefined)));
  }

  /** Reads on until it is shown the text, or told to read anew since. */
  untilTold(text: string): Promise<void> {
    return soon(this.#untilTold(text), "a stream goes on after an outage", `${text}, or a resync`);
  }

  async end(): Promise<void> {
    await this.#follower.end();
  }

  #open(from: Cursor | undefined): Follower {
    return new Follower(this.#bench, this.#instance, { prefix: this.#bench.key("watched"), from });
  }

  async #untilTold(text: string): Promise<void> {
    for (let resyncs = this.#follower.resyncs.length; ;) {
      const isTold = this.#follower.changes.some((change) => this.#follower.textOf(change) === text);
      if (isTold || this.#follower.resyncs.length > resyncs) return;
      const answer = await this.ask();
      if (StoreError.is(answer)) {
        must(isBroken(answer), "a stream that fails in an outage can be opened again", "a retryable error", answer);
        await pause(20);
        this.#follower = this.#open(this.#follower.cursor);
        resyncs = 0;
      } else {
        must(
          (answer as { done?: boolean }).done !== true,
          "an outage does not end a stream in silence",
          "more",
          "its end",
        );
      }
    }
  }
}
