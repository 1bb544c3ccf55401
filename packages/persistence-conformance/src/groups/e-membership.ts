import { type NodeSession, StoreError } from "@orbit/persistence";

import { equal, must, rejects } from "../assert.ts";
import { all, range, turn } from "../bench.ts";
import { type Law, storeLaw } from "../law.ts";
import { join, LONG_TTL_MS, type Process, startProcess } from "../traits/cluster.ts";
import { LATE_MS, timed } from "../traits/timed.ts";
import { membershipEndings } from "./e-endings.ts";

const NOBODY = "0".repeat(32);

export const memberships: readonly Law[] = [
  storeLaw("a node that joins is seen by all, with what it told of itself", async (bench) => {
    const [one, two] = [await startProcess(bench), await startProcess(bench)];
    const described = {
      url: "grpc://10.0.0.1:50051",
      addressableTypes: ["Robot", "ключ", ""],
      metadata: { zone: "a", "": "", "é\0": "😀", __proto__x: "1" },
    };
    equal(await two.members.get("a"), undefined, "a node that never joined is unknown");
    const a = await join(one, "a", described);
    const seen = await two.members.get("a");
    const { url, addressableTypes, metadata, status, epoch, ttlMs, nodeId } = seen ?? a.info;
    equal({ url, addressableTypes, metadata: { ...metadata } }, described, "its description is kept");
    const facts = { status: "active" as const, epoch: a.epoch, ttlMs: LONG_TTL_MS };
    equal({ status, epoch, ttlMs }, facts, "its life is on record");
    equal({ ...nodeId }, { namespace: one.members.namespace, key: "a" }, "it has a node id");
    equal(
      (await two.members.nodes()).map(({ id }) => id),
      ["a"],
      "it is listed",
    );
    equal(
      (await two.members.view()).nodes.map(({ id }) => id),
      ["a"],
      "it is in the view",
    );
  }),

  storeLaw("a second node of the same id waits, or takes the place of the first where told to", async (bench) => {
    const [one, two] = [await startProcess(bench), await startProcess(bench)];
    const first = await join(one, "a");
    const late = (): Promise<unknown> =>
      two.members.join({ id: "a" }, { heartbeat: false, deadline: performance.now() + 50 });
    await rejects(late, "TIMEOUT", "a join over a live record waits until its deadline");
    await first.renew();
    const second = await two.members.join({ id: "a", ttlMs: LONG_TTL_MS }, { heartbeat: false, replace: true });
    must(second.epoch !== first.epoch, "each life has an epoch of its own", "another epoch", second.epoch);
    await rejects(() => first.renew(), "LEASE_LOST", "the life that was replaced can't be renewed");
    equal(first.isLive(), false, "it learns that it is over");
    await second.renew();
    equal((await one.members.get("a"))?.epoch, second.epoch, "the record is the second life's");
  }),

  storeLaw("of 10 nodes that join under one id at once exactly one lives", async (bench) => {
    const processes = [await startProcess(bench), await startProcess(bench)];
    const deadline = performance.now() + 150;
    const joins = await all(range(10), async (index): Promise<NodeSession | undefined> => {
      try {
        const node = { id: "a", ttlMs: LONG_TTL_MS };
        return await processes[index % 2]?.members.join(node, { heartbeat: false, deadline });
      } catch (error) {
        if (StoreError.is(error) && error.code === "TIMEOUT") return undefined;
        throw error;
      }
    });
    const joined = joins.filter((session) => session !== undefined);
    equal(joined.length, 1, "exactly one of them joins");
    await joined[0]?.renew();
    equal((await processes[1]?.members.get("a"))?.epoch, joined[0]?.epoch, "the record is the winner's");
  }),

  storeLaw("a life that is over touches nothing of the one that follows it", async (bench) => {
    const [one, two] = [await startProcess(bench), await startProcess(bench)];
    const old = await join(one, "a");
    await two.members.leave(old);
    const anew = await join(two, "a");
    await rejects(() => one.members.renew(old), "LEASE_LOST", "an old life can't be renewed");
    await rejects(() => one.members.update(old, { url: "stale" }), "LEASE_LOST", "nor updated");
    equal(await one.members.leave(old), false, "its leaving ends nothing");
    await old.leave();
    equal(await one.members.confirmDead(old), true, "it is dead for ever");
    equal(await one.members.confirmDead(anew), false, "the new life is not");
    await one.members.sweep();
    await anew.renew();
    const record = await one.members.get("a");
    equal(
      [record?.epoch, record?.url, record?.status],
      [anew.epoch, undefined, "active"],
      "the new life stands as it was",
    );
  }),

  storeLaw("a life that never was is dead, and can't be renewed or ended", async (bench) => {
    const one = await startProcess(bench);
    const a = await join(one, "a");
    for (const life of [
      { id: "a", epoch: NOBODY },
      { id: "nobody", epoch: NOBODY },
    ]) {
      await rejects(() => one.members.renew(life), "LEASE_LOST", "an unknown life can't be renewed");
      equal(await one.members.leave(life), false, "nor ended");
      equal(await one.members.confirmDead(life), true, "it is dead");
    }
    must((await one.members.get("nobody")) === undefined, "asking makes no record", "none", "one");
    await a.renew();
  }),

  storeLaw(
    "an update changes what it names and nothing else; a node goes from starting to active to draining",
    async (bench) => {
      const [one, two] = [await startProcess(bench), await startProcess(bench)];
      const a = await join(one, "a", {
        status: "starting",
        url: "u1",
        metadata: { zone: "a" },
        addressableTypes: ["Robot"],
      });
      const seen = async (): Promise<unknown[]> => {
        const node = await two.members.get("a");
        return [node?.status, node?.url, { ...node?.metadata }, node?.addressableTypes, node?.epoch];
      };
      equal((await two.members.nodes({ active: true })).length, 0, "a node that is starting is not active");
      await a.update({ status: "active" });
      equal(await seen(), ["active", "u1", { zone: "a" }, ["Robot"], a.epoch], "a change of status leaves the rest");
      equal((await two.members.nodes({ active: true })).length, 1, "an active node is listed as such");
      await a.update({ url: "u2", metadata: { zone: "b" } });
      equal(
        await seen(),
        ["active", "u2", { zone: "b" }, ["Robot"], a.epoch],
        "a change of the rest leaves the status",
      );
      await a.renew();
      equal(await seen(), ["active", "u2", { zone: "b" }, ["Robot"], a.epoch], "a renewal leaves everything");
      await a.update({ status: "draining" });
      equal((await two.members.nodes({ active: true })).length, 0, "a draining node is not active");
      equal((await two.members.nodes()).length, 1, "but is still a node");
    },
  ),

  storeLaw("leaving ends a life at once, once, and for ever", async (bench) => {
    const [one, two] = [await startProcess(bench), await startProcess(bench)];
    const a = await join(one, "a");
    const leaving = a.leave();
    equal(a.isLive(), false, "the belief ends before the request is answered");
    await leaving;
    await a.leave();
    equal((await two.members.view()).nodes.length, 0, "a node that left is in no view");
    equal(await two.members.confirmDead(a), true, "it is dead");
    await rejects(() => a.renew(), "LEASE_LOST", "it can't be renewed");
    await rejects(() => two.members.renew(a), "LEASE_LOST", "nor on its behalf");
    const status = (await two.members.get("a"))?.status ?? "stopped";
    equal(status, "stopped", "its record, if any, says so");
    const again = await join(two, "a");
    must(again.isLive() && again.epoch !== a.epoch, "the id is free for another life", "a live one", again.epoch);
  }),

  storeLaw("the version of a view changes with the set and not with heartbeats", async (bench) => {
    const [one, two] = [await startProcess(bench), await startProcess(bench)];
    const a = await join(one, "a");
    const first = await two.members.view();
    for (let round = 0; round < 3; round += 1) await a.renew();
    equal((await two.members.view()).version, first.version, "heartbeats do not change it");
    equal((await one.members.view()).version, first.version, "it is the same for all");
    const b = await join(two, "b");
    const second = await one.members.view();
    must(second.version !== first.version, "a join changes it", "another version", second.version);
    await b.update({ status: "draining" });
    const third = await one.members.view();
    must(third.version !== second.version, "a change of status changes it", "another version", third.version);
    await b.leave();
    equal((await one.members.view()).version, first.version, "equal sets have equal versions");
  }),

  storeLaw("a view taken while 10 writers run holds every node that stays, once", async (bench) => {
    const [one, two] = [await startProcess(bench), await startProcess(bench)];
    const stable = range(5).map((index) => `s${index}`);
    await all(stable, (id) => join(one, id));
    let writing = true;
    const write = async (process: Process, id: string): Promise<void> => {
      for (let round = 0; round < bench.rounds(6, 2); round += 1) {
        const session = await join(process, id);
        await session.renew();
        await turn();
        await session.leave();
        if (round % 2 === 0) await process.members.sweep();
      }
    };
    const look = async (): Promise<void> => {
      while (writing) {
        const ids = (await two.members.view()).nodes.map(({ id }) => id);
        equal(
          ids.filter((id) => stable.includes(id)),
          stable,
          "every node that stays is in every view, once",
        );
        equal(new Set(ids).size, ids.length, "no node is in a view twice");
        await turn();
      }
    };
    const writers = all(range(10), (index) => write(index % 2 === 0 ? one : two, `w${index}`));
    await Promise.all([writers.finally(() => (writing = false)), look()]);
    equal(
      (await one.members.view()).nodes.map(({ id }) => id),
      stable,
      "in the end only they are left",
    );
  }),

  storeLaw("many nodes are listed in full", async (bench) => {
    const [one, two] = [await startProcess(bench), await startProcess(bench)];
    const ids = range(bench.rounds(1_000, 50)).map((index) => `n${String(index).padStart(4, "0")}`);
    for (let start = 0; start < ids.length; start += 50) {
      await all(ids.slice(start, start + 50), (id) => one.members.admit({ id, ttlMs: LONG_TTL_MS }));
    }
    const found = await two.members.nodes();
    equal(found.map(({ id }) => id).toSorted(), ids, "every node is listed");
    equal((await two.members.view()).nodes.length, ids.length, "every node is in the view");
  }),

  storeLaw("bulk forms answer each on its own, in order", async (bench) => {
    const one = await startProcess(bench);
    const [a, b] = [await join(one, "a"), await join(one, "b")];
    const ghost = { id: "a", epoch: NOBODY };
    const renewed = await one.members.renewMany([a, ghost, b]);
    equal(
      renewed.map((node) => ("code" in node ? node.code : node.id)),
      ["a", "LEASE_LOST", "b"],
      "renewMany",
    );
    const found = await one.members.getMany(["b", "nobody", "a"]);
    equal(
      found.map((node) => (node && "id" in node ? node.id : undefined)),
      ["b", undefined, "a"],
      "getMany",
    );
    equal(await one.members.leaveMany([ghost, a]), [false, true], "leaveMany");
  }),

  storeLaw("clusters in one store never see each other, whatever their names", async (bench) => {
    const names = ["default", "Default", "a", "a/b", "", "ключ", "a-b"];
    const processes: Process[] = [];
    for (const namespace of names) processes.push(await startProcess(bench, { namespace }));
    await all(processes, (process, index) => join(process, "n", { url: `u${index}` }));
    await all(processes, async (process, index) => {
      const nodes = await process.members.nodes();
      equal(
        nodes.map(({ id, url }) => ({ id, url })),
        [{ id: "n", url: `u${index}` }],
        "a cluster lists its own nodes alone",
      );
    });
    await processes[0]?.members.leave((await processes[0].members.get("n")) ?? { id: "n", epoch: NOBODY });
    equal((await processes[1]?.members.view())?.nodes.length, 1, "leaving one cluster leaves the others alone");
  }),

  storeLaw("a watcher sees nodes come and go, and ends when it is told to", async (bench) => {
    const { one, two, watch } = await timed(bench);
    const a = await join(one, "a");
    const stop = new AbortController();
    const seen: string[] = [];
    const watching = (async () => {
      for await (const { nodes } of two.members.watch({ signal: stop.signal })) {
        seen.push(nodes.map(({ id }) => id).join());
      }
    })();
    const shows = (expected: string): Promise<void> => {
      const wait = { law: `a watcher comes to see ${expected}`, withinMs: watch.elapsed() + LATE_MS };
      return watch.until(wait, async () => seen.at(-1) === expected);
    };
    try {
      await shows("a");
      const b = await join(one, "b");
      await shows("a,b");
      await a.leave();
      await shows("b");
      await b.renew();
    } finally {
      stop.abort();
      const end = await watching.catch((error: unknown) => error);
      must(StoreError.is(end) && end.code === "ABORTED", "an aborted watch ends with ABORTED", "ABORTED", end);
    }
  }),

  ...membershipEndings,
];
