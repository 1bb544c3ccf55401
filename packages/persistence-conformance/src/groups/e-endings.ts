import { equal, must, rejects } from "../assert.ts";
import { type Law, storeLaw } from "../law.ts";
import { join, startProcess } from "../traits/cluster.ts";
import { begin, Gate, letGo } from "../traits/gate.ts";
import { timed } from "../traits/timed.ts";

/** How lives end by time, and what late requests can't change. */
export const membershipEndings: readonly Law[] = [
  storeLaw("a node whose time has passed is dead for all, not before its ttl, and can't come back", async (bench) => {
    const { one, two, watch, ttlMs, withinMs } = await timed(bench);
    const kept = await join(one, "kept");
    const a = await join(one, "a", { ttlMs });
    const law = "a node whose ttl has passed is dead";
    await watch.until({ law, notBeforeMs: ttlMs, withinMs }, () => two.members.confirmDead(a));
    equal(a.isLive(), false, "it no longer believes to live");
    await rejects(() => a.renew(), "LEASE_LOST", "it can't be renewed");
    await rejects(() => one.members.renew(a), "LEASE_LOST", "nor on its behalf");
    equal(
      (await two.members.view()).nodes.map(({ id }) => id),
      ["kept"],
      "it is in no view",
    );
    equal(
      (await two.members.nodes({ active: true })).map(({ id }) => id),
      ["kept"],
      "it is not active",
    );
    await kept.renew();
    const again = await join(two, "a");
    must(again.epoch !== a.epoch, "another life may follow", "another epoch", again.epoch);
  }),

  storeLaw("a sweep removes the nodes that are over and no others", async (bench) => {
    const { one, two, watch, ttlMs, withinMs } = await timed(bench);
    const kept = await join(one, "kept");
    await join(one, "expires", { ttlMs });
    const left = await join(one, "left");
    await left.leave();
    const law = "a sweep ends and removes what is over";
    await watch.until({ law, withinMs }, async () => {
      await two.members.sweep();
      const nodes = await two.members.nodes();
      must(
        nodes.some(({ id }) => id === "kept"),
        "a sweep leaves live nodes",
        "kept",
        nodes,
      );
      return nodes.every(({ id, status }) => id === "kept" || status === "stopped");
    });
    // A node that only looked stopped is ended by one sweep and removed by the next.
    await two.members.sweep();
    await two.members.sweep();
    const expected = two.store.capabilities.conditionalDelete ? ["kept"] : ["expires", "kept", "left"];
    const ids = (await one.members.nodes()).map(({ id }) => id);
    const ended = bench.capabilities.clock === "server-ttl" ? ids.filter((id) => id !== "expires") : ids;
    const wanted = bench.capabilities.clock === "server-ttl" ? expected.filter((id) => id !== "expires") : expected;
    equal(ended, wanted, "what is over is removed where deletes can be trusted");
    await kept.renew();
  }),

  storeLaw("a join waits until the life before it has ended by time", async (bench) => {
    const { one, two, watch, ttlMs, withinMs } = await timed(bench);
    const first = await join(one, "a", { ttlMs });
    let second: { readonly epoch: string } | undefined;
    const joining = begin(join(two, "a").then((session) => (second = session)));
    const law = "a join goes on when the life before it has ended";
    await watch.until({ law, notBeforeMs: ttlMs, withinMs: withinMs + 2_000 }, async () => second !== undefined);
    must((await joining).epoch !== first.epoch, "another life follows", "another epoch", second);
    await rejects(() => one.members.renew(first), "LEASE_LOST", "the first life is over");
  }),

  storeLaw("schedule: a renewal lands after others found its life expired: it is dead for ever", async (bench) => {
    const gate = new Gate();
    const { one, two, watch, ttlMs, withinMs } = await timed(bench, { around: gate.around });
    const a = await join(one, "a", { ttlMs });
    const held = gate.hold({ operation: "put", kind: "node" });
    const renewing = begin(a.renew());
    await held.arrived;
    const law = "a node whose ttl has passed is dead";
    await watch.until({ law, notBeforeMs: ttlMs, withinMs }, () => two.members.confirmDead(a));
    await held.pass();
    await rejects(() => renewing, "LEASE_LOST", "the renewal comes too late");
    equal(await two.members.confirmDead(a), true, "what was found dead stays dead");
    equal((await two.members.view()).nodes.length, 0, "it is in no view");
    await rejects(() => one.members.renew(a), "LEASE_LOST", "it can't be renewed again");
  }),

  storeLaw("schedule: a renewal lands after its life was ended: it stays ended", async (bench) => {
    const gate = new Gate();
    const [one, two] = [await startProcess(bench, { around: gate.around }), await startProcess(bench)];
    const a = await join(one, "a");
    const held = gate.hold({ operation: "put", kind: "node" });
    const renewing = begin(a.renew());
    await held.arrived;
    equal(await two.members.leave(a), true, "a life can be ended by another");
    await held.pass();
    await rejects(() => renewing, "LEASE_LOST", "the renewal is refused");
    equal(a.isLive(), false, "the session ends");
    equal(await two.members.confirmDead(a), true, "a stopped life never lives again");
  }),

  storeLaw(
    "schedule: the answer to a renewal is lost after it was applied: the next one adopts the record",
    async (bench) => {
      const gate = new Gate();
      const [one, two] = [await startProcess(bench, { around: gate.around }), await startProcess(bench)];
      const a = await join(one, "a");
      const held = gate.hold({ operation: "put", kind: "node" });
      const renewing = begin(a.renew({ signal: AbortSignal.timeout(30_000) }));
      await held.arrived;
      await held.land();
      held.lose();
      // Whether the lost answer is resolved or reported: the life goes on.
      await renewing.catch(() => undefined);
      await a.renew();
      must(a.isLive(), "a lost answer does not end a life", "live", false);
      equal(await two.members.confirmDead(a), false, "others see it alive");
    },
  ),

  storeLaw("schedule: a sweep's delete lands after the id joined again: the new life stands", async (bench) => {
    const gate = new Gate();
    const [one, two] = [await startProcess(bench, { around: gate.around }), await startProcess(bench)];
    const old = await join(one, "a");
    await old.leave();
    const held = gate.hold({ operation: "delete", kind: "node" });
    const sweeping = begin(one.members.sweep());
    await Promise.race([held.arrived, sweeping]);
    const a = await join(two, "a");
    await letGo(held, sweeping);
    await sweeping;
    await a.renew();
    equal((await one.members.get("a"))?.epoch, a.epoch, "a sweep removes only what it has read");
  }),

  storeLaw(
    "schedule: a join lands late, after another life of the same id joined: only the later one lives",
    async (bench) => {
      const gate = new Gate();
      const [one, two] = [await startProcess(bench, { around: gate.around }), await startProcess(bench)];
      const held = gate.hold({ operation: "put", kind: "node" });
      const abort = new AbortController();
      const joining = begin(one.members.join({ id: "a" }, { heartbeat: false, signal: abort.signal }));
      await held.arrived;
      abort.abort();
      await rejects(() => joining, "ABORTED", "a join that is given up rejects");
      const a = await join(two, "a");
      await held.land();
      await a.renew();
      equal((await one.members.get("a"))?.epoch, a.epoch, "the record is the later life's");
    },
  ),

  storeLaw("a deadline counts from the first send, however late the answer comes", async (bench) => {
    const gate = new Gate();
    const { one, watch, ttlMs, now } = await timed(bench, { around: gate.around });
    const held = gate.hold({ operation: "put", kind: "node" });
    const joining = begin(join(one, "a", { ttlMs: 10 * ttlMs }));
    await held.arrived;
    const sent = now();
    await watch.pass(ttlMs / 2);
    await held.pass();
    const a = await joining;
    must(
      a.deadline < sent + 10 * ttlMs,
      "a deadline is a ttl after the send at most",
      `before ${sent + 10 * ttlMs}`,
      a.deadline,
    );
  }),
];
