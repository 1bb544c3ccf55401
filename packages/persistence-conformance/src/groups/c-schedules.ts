import { equal, must, rejects } from "../assert.ts";
import type { Bench, Wrap } from "../bench.ts";
import { type Law, storeLaw } from "../law.ts";
import { grantOf, join, type Process, robot, startProcess, take } from "../traits/cluster.ts";
import { begin, Gate, letGo } from "../traits/gate.ts";
import { guardedSchedules } from "./c-guarded-schedules.ts";

const bob = robot("bob");

/** A process whose requests a script can hold. */
async function gated(bench: Bench, wrap?: Wrap): Promise<Process & { readonly gate: Gate }> {
  const gate = new Gate();
  const process = await startProcess(bench, { around: gate.around, ...(wrap === undefined ? {} : { wrap }) });
  return { ...process, gate };
}

/** A backend that accepts the condition of a delete and ignores it; MinIO is one. */
const blind: Wrap = (driver) => ({ ...driver, delete: (key, _when, options) => driver.delete(key, "always", options) });

/**
 * Orders of requests that break a lease protocol which leaves out one of its rules (docs/lease-protocol.md). Random runs
 * almost never find some of them, so each is a script.
 */
export const schedules: readonly Law[] = [
  storeLaw("schedule: grant, release, sweep, grant again: the fence is higher", async (bench) => {
    const one = await startProcess(bench);
    const a = await join(one, "a");
    const first = await take(one, a);
    await first.release();
    const { removed } = await one.leases.sweep();
    const { conditionalDelete } = one.store.capabilities;
    equal(removed, conditionalDelete ? 1 : 0, "a sweep removes tombstones exactly where deletes can be trusted");
    const second = await take(one, a);
    must(second.fence > first.fence, "a sweep does not make fences fall", `above ${first.fence}`, second.fence);
  }),

  ...[0, 1, 2, 3].map((skip) =>
    storeLaw(
      `schedule: a sweep comes before read ${skip + 1} of an acquire: the fence is above what was swept`,
      async (bench) => {
        const [one, two] = [await gated(bench), await startProcess(bench)];
        const [a, b] = [await join(one, "a"), await join(two, "b")];
        const before = await take(two, b);
        await before.release();
        // Whatever is read in whatever order: no read from before the sweep may count alone.
        const held = one.gate.hold({ operation: "get", skip });
        const acquiring = begin(take(one, a));
        await Promise.race([held.arrived, acquiring]);
        await two.leases.sweep();
        await letGo(held, acquiring);
        const lease = await acquiring;
        must(
          lease.fence > before.fence,
          "a fence is above the floor that a sweep raised",
          `above ${before.fence}`,
          lease.fence,
        );
      },
    ),
  ),

  storeLaw(
    "schedule: a create lands after others came, went and were swept: its grant is rewritten higher",
    async (bench) => {
      const [one, two] = [await gated(bench), await startProcess(bench)];
      const [a, b] = [await join(one, "a"), await join(two, "b")];
      const held = one.gate.hold(grantOf(one));
      const acquiring = begin(take(one, a));
      await held.arrived;
      let last = 0n;
      for (let round = 0; round < 3; round += 1) {
        const lease = await take(two, b);
        last = lease.fence;
        await lease.release();
      }
      await two.leases.sweep();
      await held.pass();
      const lease = await acquiring;
      must(
        lease.fence > last,
        "a grant that landed late is above what was granted meanwhile",
        `above ${last}`,
        lease.fence,
      );
      equal((await two.leases.lookup(bob))?.fence, lease.fence, "the record carries the fence that was granted");
    },
  ),

  storeLaw(
    "schedule: a duplicated create lands after release, another grant and a sweep: the next fence is above all",
    async (bench) => {
      const [one, two] = [await gated(bench), await startProcess(bench)];
      const [a, b] = [await join(one, "a"), await join(two, "b")];
      const held = one.gate.hold(grantOf(one));
      const acquiring = begin(take(one, a));
      await held.arrived;
      await held.pass();
      await (await acquiring).release();
      const second = await take(two, b);
      await second.release();
      await two.leases.sweep();
      // The network delivers the first create once more: a ghost of A's first grant.
      await held.land();
      const third = await take(one, a);
      must(third.fence > second.fence, "a ghost does not make fences fall", `above ${second.fence}`, third.fence);
    },
  ),

  ...[0, 1, 2, 3].map((skip) =>
    storeLaw(
      `schedule: a node joins and acquires before read ${skip + 1} of another's acquire: it keeps its lease`,
      async (bench) => {
        const [one, two] = [await startProcess(bench), await gated(bench)];
        const b = await join(two, "b");
        // What B knows from before: a life of A that has ended, and a view without A.
        const earlier = await join(one, "a");
        await take(one, earlier);
        await earlier.leave();
        await two.members.view();
        await two.leases.lookup(bob);
        const held = two.gate.hold({ operation: "get", skip });
        const contending = begin(two.leases.acquire(bob, b));
        await Promise.race([held.arrived, contending]);
        const a = await join(one, "a");
        const answer = await one.leases.acquire(bob, a);
        await letGo(held, contending);
        const other = await contending;
        equal(Number(answer.ok) + Number(other.ok), 1, "exactly one of both is granted");
        if (!answer.ok) return;
        await answer.lease.renew();
        must(answer.lease.isHeld(), "the lease of a node that has just joined stands", "held", false);
      },
    ),
  ),

  storeLaw(
    "schedule: a lookup remembers a view without a node that has just joined: its lease is not taken",
    async (bench) => {
      const [one, two] = [await startProcess(bench), await startProcess(bench)];
      const b = await join(two, "b");
      const view = await two.members.view();
      equal(
        view.nodes.map(({ id }) => id),
        ["b"],
        "a view shows the nodes of its moment",
      );
      const a = await join(one, "a");
      const lease = await take(one, a);
      equal((await two.leases.acquire(bob, b)).ok, false, "a lagging view is no reason to take over");
      await lease.renew();
    },
  ),

  storeLaw(
    "schedule: the answer to an acquire is lost after it was applied: the ghost is superseded, not granted twice",
    async (bench) => {
      const [one, two] = [await gated(bench), await startProcess(bench)];
      const [a, b] = [await join(one, "a"), await join(two, "b")];
      const held = one.gate.hold(grantOf(one));
      const acquiring = begin(one.leases.acquire(bob, a));
      await held.arrived;
      await held.land();
      const ghost = await two.leases.lookup(bob);
      held.lose();
      const answer = await acquiring;
      must(answer.ok, "an acquire whose answer was lost is settled", "a lease", answer);
      must(
        answer.lease.fence >= (ghost?.fence ?? 0n),
        "its fence does not fall",
        `from ${ghost?.fence}`,
        answer.lease.fence,
      );
      await answer.lease.renew();
      equal((await two.leases.acquire(bob, b)).ok, false, "another node is refused");
      equal((await two.leases.lookup(bob))?.grant, answer.lease.grant, "the record carries the grant that was told");
    },
  ),

  storeLaw("schedule: an acquire that was given up lands after another's grant: it changes nothing", async (bench) => {
    const [one, two] = [await gated(bench), await startProcess(bench)];
    const [a, b] = [await join(one, "a"), await join(two, "b")];
    const held = one.gate.hold(grantOf(one));
    const abort = new AbortController();
    const acquiring = begin(one.leases.acquire(bob, a, { signal: abort.signal }));
    await held.arrived;
    abort.abort();
    await rejects(() => acquiring, "ABORTED", "an acquire that is given up rejects");
    const lease = await take(two, b);
    await held.land();
    await lease.renew();
    equal((await one.leases.lookup(bob))?.grant, lease.grant, "the later grant stands");
  }),

  storeLaw("schedule: a release lands after the addressable was granted again: the new grant stands", async (bench) => {
    const [one, two] = [await gated(bench), await startProcess(bench)];
    const a = await join(one, "a");
    const lease = await take(one, a);
    const held = one.gate.hold({ operation: "put", kind: "lease" });
    const releasing = begin(lease.release());
    await held.arrived;
    equal(lease.isHeld(), false, "the belief ends before the release is sent");
    const next = await take(two, a);
    await held.pass();
    equal(await releasing, false, "a release of a superseded grant frees nothing");
    await next.renew();
    equal((await two.leases.lookup(bob))?.grant, next.grant, "the new grant stands");
  }),

  ...[undefined, blind].map((wrap) => {
    const where = wrap === undefined ? "" : ", on a backend that lets stale deletes through";
    return storeLaw(`schedule: a sweep's delete lands after a new grant${where}: the grant stands`, async (bench) => {
      const [one, two] = [await gated(bench, wrap), await gated(bench, wrap)];
      const [a, b] = [await join(one, "a"), await join(two, "b")];
      const first = await take(one, a);
      await first.release();
      const held = one.gate.hold({ operation: "delete", kind: "lease" });
      const sweeping = begin(one.leases.sweep());
      await Promise.race([held.arrived, sweeping]);
      const lease = await take(two, b);
      await letGo(held, sweeping);
      await sweeping;
      await lease.renew();
      must(lease.fence > first.fence, "its fence is above the one that was swept", `above ${first.fence}`, lease.fence);
      equal((await one.leases.lookup(bob))?.grant, lease.grant, "a sweep removes only what it has read");
    });
  }),

  ...guardedSchedules,
];
