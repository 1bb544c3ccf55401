import { guarded, type GuardedData } from "@orbit/persistence";

import { equal, rejects } from "../assert.ts";
import { all, type Bench, range } from "../bench.ts";
import { type Law, storeLaw } from "../law.ts";
import { join, type Process, robot, startProcess, take } from "../traits/cluster.ts";

const bob = robot("bob");
const bytes = (text: string): Uint8Array => Buffer.from(text);
const text = (value: Uint8Array | undefined): string | undefined => value && Buffer.from(value).toString();

/** Opens the data of a lease, in the store of the lease or in another. */
type Open = (bench: Bench, process: Process, lease: Parameters<typeof guarded>[1]) => Promise<GuardedData>;

const here: Open = async (_bench, { store }, lease) => guarded(store, lease, { allowWeak: true });

/** Another store is another commit scope, also over the same backend. */
const elsewhere: Open = async (bench, _process, lease) => guarded(await bench.store(), lease, { allowWeak: true });

export const guardedData: readonly Law[] = [
  ...lawsOf("in the store of the lease", here),
  ...lawsOf("in another store", elsewhere),
];

function lawsOf(where: string, open: Open): readonly Law[] {
  return [
    storeLaw(
      `guarded data ${where} is read, written and deleted by its holder, and kept from grant to grant`,
      async (bench) => {
        const [one, two] = [await startProcess(bench), await startProcess(bench)];
        const [a, b] = [await join(one, "a"), await join(two, "b")];
        const lease = await take(one, a);
        const mine = await open(bench, one, lease);
        equal(await mine.get("x"), undefined, "what was never written is absent");
        await mine.put("x", bytes("1"));
        await mine.put("x", bytes("2"));
        await mine.put("gone", bytes("1"));
        await mine.delete("gone");
        equal([text(await mine.get("x")), await mine.get("gone")], ["2", undefined], "the holder reads what it wrote");
        await lease.release();
        await rejects(() => mine.put("x", bytes("3")), "LEASE_LOST", "after the release nothing is written");
        const theirs = await open(bench, two, await take(two, b));
        equal([text(await theirs.get("x")), await theirs.get("gone")], ["2", undefined], "the next holder reads it");
        const other = await open(bench, two, await take(two, b, robot("other")));
        equal(await other.get("x"), undefined, "another addressable has data of its own");
      },
    ),

    storeLaw(
      `guarded data ${where}: once the newer grant has read or written a record, the older one can't write it`,
      async (bench) => {
        const [one, two] = [await startProcess(bench), await startProcess(bench)];
        const [a, b] = [await join(one, "a"), await join(two, "b")];
        const lease = await take(one, a);
        const [mine, again] = [await open(bench, one, lease), await open(bench, one, lease)];
        for (const key of ["read", "written", "deleted"]) await mine.put(key, bytes("old"));
        // The older process does not learn of it: it believes to hold the lease.
        await two.members.leave(a);
        const theirs = await open(bench, two, await take(two, b));
        equal(text(await theirs.get("read")), "old", "the newer grant reads what the older one wrote");
        equal(await theirs.get("absent"), undefined, "what is absent is read as absent");
        await theirs.put("written", bytes("new"));
        await theirs.delete("deleted");
        for (const [data, key] of [
          [mine, "read"],
          [again, "absent"],
          [again, "written"],
          [mine, "deleted"],
        ] as const) {
          const write = (): Promise<void> => data.put(key, bytes("stale"));
          await rejects(write, "LEASE_LOST", `a write of the older grant is refused once the newer one has ${key} it`);
        }
        const found = await all(["read", "absent", "written", "deleted"], (key) => theirs.get(key));
        equal(found.map(text), ["old", undefined, "new", undefined], "the newer grant's data stands");
      },
    ),

    storeLaw(`guarded data ${where}: increments under leases through two processes sum exactly`, async (bench) => {
      const processes = [await startProcess(bench), await startProcess(bench)];
      const rounds = bench.rounds(8, 2);
      const [workers, increments] = [3, 2];
      const sessions = await all(range(workers), (index) => join(processes[index % 2] as Process, `n${index}`));
      await all(sessions, async (session, index) => {
        const process = processes[index % 2] as Process;
        for (let done = 0; done < rounds;) {
          const acquired = await process.leases.acquire(bob, session);
          if (!acquired.ok) {
            await new Promise((resolve) => setTimeout(resolve, 1));
            continue;
          }
          const data = await open(bench, process, acquired.lease);
          for (let step = 0; step < increments; step += 1) {
            await data.put("counter", bytes(`${Number(text(await data.get("counter")) ?? "0") + 1}`));
          }
          await acquired.lease.release();
          done += 1;
        }
      });
      const [process, session] = [processes[0] as Process, sessions[0]];
      if (session === undefined) return;
      const data = await open(bench, process, await take(process, session));
      equal(text(await data.get("counter")), `${workers * rounds * increments}`, "no acknowledged increment is lost");
    }),
  ];
}
