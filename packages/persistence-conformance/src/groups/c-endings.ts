import { StoreError } from "@orbit/persistence";
import type { Around } from "@orbit/persistence/driver";

import { equal, must, rejects } from "../assert.ts";
import { all, range } from "../bench.ts";
import { type Law, storeLaw } from "../law.ts";
import { join, movedClock, robot, take } from "../traits/cluster.ts";
import { Stopwatch } from "../traits/time.ts";
import { LATE_MS, stepOf, timed } from "../traits/timed.ts";

const bob = robot("bob");

/** How leases end by time: never early, and surely. */
export const endings: readonly Law[] = [
  storeLaw(
    "a dead node's addressables become free, not before its ttl has passed, and its grants are over",
    async (bench) => {
      const { one, two, watch, ttlMs, withinMs } = await timed(bench);
      const b = await join(two, "b");
      const a = await join(one, "a", { ttlMs });
      const references = range(5).map((index) => robot(`r${index}`));
      const old = await all(references, (reference) => take(one, a, reference));
      const law = "a dead node's addressable can be taken when its ttl has passed";
      await watch.until(
        { law, notBeforeMs: ttlMs, withinMs },
        async () => (await two.leases.acquire(references[0] ?? bob, b)).ok,
      );
      for (const [index, reference] of references.entries()) {
        const taken = await take(two, b, reference);
        const before = old[index]?.fence ?? 0n;
        must(taken.fence > before, "a takeover has a higher fence", `above ${before}`, taken.fence);
      }
      equal(a.isLive(), false, "the dead node no longer believes to live");
      equal(
        old.some((lease) => lease.isHeld()),
        false,
        "it no longer believes to hold anything",
      );
      await rejects(() => a.renew(), "LEASE_LOST", "a node past its deadline can't be renewed");
      await rejects(() => one.members.renew(a), "LEASE_LOST", "nor on its behalf");
      for (const lease of old) {
        await rejects(() => one.leases.renew(lease), "LEASE_LOST", "its grants can't be renewed");
        equal(await one.leases.release(lease), false, "its releases free nothing");
      }
    },
  ),

  storeLaw("a lease's own ttl ends it while its node lives, and not early", async (bench) => {
    const { one, two, watch, ttlMs, withinMs } = await timed(bench);
    const [a, b] = [await join(one, "a"), await join(two, "b")];
    const lease = await take(one, a, bob, ttlMs);
    const free = { law: "a lease can be taken when its own ttl has passed", notBeforeMs: ttlMs, withinMs };
    let taken = await two.leases.acquire(bob, b);
    await watch.until(free, async () => {
      if (!taken.ok) taken = await two.leases.acquire(bob, b);
      return taken.ok;
    });
    equal(lease.isHeld(), false, "the holder no longer believes to hold it");
    must(a.isLive(), "its node lives on", "live", false);
    await rejects(() => one.leases.renew(lease), "LEASE_LOST", "a grant whose time has passed can't be renewed");
    must(
      taken.ok && taken.lease.fence > lease.fence,
      "the next grant has a higher fence",
      `above ${lease.fence}`,
      taken,
    );
  }),

  storeLaw("a lease whose time has passed can't be renewed even if nobody took it", async (bench) => {
    const { one, two, watch, ttlMs, withinMs } = await timed(bench);
    const a = await join(one, "a");
    const lease = await take(one, a, bob, ttlMs);
    const gone = { law: "a lease whose own ttl has passed is not shown", notBeforeMs: ttlMs, withinMs };
    await watch.until(gone, async () => (await two.leases.lookup(bob)) === undefined);
    await rejects(() => two.leases.renew(lease), "LEASE_LOST", "a grant whose time has passed can't be renewed");
  }),

  storeLaw("renewals in time keep a lease and its node far beyond their ttl", async (bench) => {
    const { one, two, watch, ttlMs } = await timed(bench);
    const [a, b] = [await join(one, "a", { ttlMs: 2 * ttlMs }), await join(two, "b")];
    const lease = await take(one, a, bob, 2 * ttlMs);
    while (watch.elapsed() < 3 * ttlMs) {
      await watch.pass(ttlMs / 4);
      await a.renew();
      await lease.renew();
      equal((await two.leases.acquire(bob, b)).ok, false, "what is renewed in time is not granted to another");
    }
    must(lease.isHeld(), "a lease that is renewed in time is held", "held", false);
  }),

  storeLaw("a renewal and a takeover at the end of a lease can't both succeed", async (bench) => {
    const { one, two, watch, ttlMs } = await timed(bench);
    const [a, b] = [await join(one, "a"), await join(two, "b")];
    const references = range(bench.rounds(8, 3)).map((index) => robot(`r${index}`));
    const held = await all(references, (reference) => take(one, a, reference, ttlMs));
    // An observer's time starts with its first look.
    await two.leases.acquireMany(references, b);
    await watch.pass(ttlMs + 2 * stepOf(bench));
    await all(held, async (lease, index) => {
      const renew = async (): Promise<boolean> => {
        try {
          await one.leases.renew(lease);
          return true;
        } catch (error) {
          if (StoreError.is(error) && error.code === "LEASE_LOST") return false;
          throw error;
        }
      };
      const takeover = async (): Promise<boolean> => (await two.leases.acquire(lease.reference, b)).ok;
      const [first, second] = index % 2 === 0 ? [renew(), takeover()] : [takeover(), renew()];
      const answers = await Promise.all([first, second]);
      const [renewed, taken] = index % 2 === 0 ? answers : answers.toReversed();
      must(!(renewed === true && taken === true), "at most one of them succeeds", "one", "both");
      const now = await two.leases.lookup(lease.reference);
      if (taken === true) equal(now?.node.key, "b", "after a takeover the new holder is on record");
      if (renewed === true) equal(now?.grant, lease.grant, "after a renewal the grant is on record");
    });
  }),

  storeLaw("the deadline of a belief counts from the first send and is shorter than the ttl", async (bench) => {
    const { one, ttlMs, now } = await timed(bench);
    const start = now();
    const a = await join(one, "a", { ttlMs: 100 * ttlMs });
    const joined = now();
    const inTime = a.deadline > start && a.deadline < joined + 100 * ttlMs;
    must(inTime, "a node's deadline is before its ttl has passed", `before ${joined + 100 * ttlMs}`, a.deadline);
    const lease = await take(one, a, bob, ttlMs);
    const granted = now();
    must(
      lease.deadline < granted + ttlMs,
      "a lease's deadline is before its ttl has passed",
      `before ${granted + ttlMs}`,
      lease.deadline,
    );
    const living = await take(one, a, robot("living"));
    equal(living.deadline, a.deadline, "a lease without a ttl of its own has its node's deadline");
  }),

  storeLaw("`lost` fires when a belief ends, and before its deadline", async (bench) => {
    const { one, watch, ttlMs, now } = await timed(bench);
    const a = await join(one, "a", { ttlMs });
    const lease = await take(one, a);
    const fired: number[] = [];
    lease.lost.addEventListener("abort", () => fired.push(now()));
    await watch.until(
      { law: "lost fires", withinMs: 2 * ttlMs + LATE_MS },
      async () => lease.lost.aborted && a.lost.aborted,
    );
    equal(lease.isHeld(), false, "after lost has fired, the lease is not held");
    const [at = Infinity] = fired;
    // A machine that is busy delays a real timer: then only a moved clock can tell.
    must(
      at < lease.deadline || movedClock(bench) === undefined,
      "lost fires before the deadline",
      `before ${lease.deadline}`,
      at,
    );
  }),

  storeLaw("an outage shorter than the ttl costs nothing, a longer one ends the lease", async (bench) => {
    const outage = { on: false };
    const around: Around = (_call, options, run) =>
      outage.on ? Promise.reject(new StoreError("UNAVAILABLE", "the backend is cut off")) : run(options);
    const { one, two, watch, ttlMs, withinMs } = await timed(bench, { around });
    const [a, b] = [await join(one, "a", { ttlMs: 2 * ttlMs }), await join(two, "b")];
    const lease = await take(one, a);
    outage.on = true;
    await rejects(
      () => a.renew({ deadline: Infinity, signal: AbortSignal.timeout(50) }),
      ["UNAVAILABLE", "ABORTED"],
      "a renewal in an outage fails",
    );
    await watch.pass(ttlMs / 2);
    must(lease.isHeld(), "a lease outlives a short outage", "held", false);
    outage.on = false;
    await a.renew();
    equal((await two.leases.acquire(bob, b)).ok, false, "after a short outage the lease stands");
    outage.on = true;
    const long = new Stopwatch(bench.harness);
    const law = "after a long outage the addressable can be taken";
    await long.until(
      { law, notBeforeMs: 0, withinMs: 2 * withinMs },
      async () => (await two.leases.acquire(bob, b)).ok,
    );
    equal(lease.isHeld(), false, "a holder that is cut off ends its belief by itself");
    outage.on = false;
    await rejects(() => a.renew(), "LEASE_LOST", "when the outage ends, the old life is over");
  }),
];
