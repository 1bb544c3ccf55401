import { type AddressableReference, int32Key, int64Key, noKey, stringKey } from "@orbit/persistence";

import { equal, must, rejects } from "../assert.ts";
import { all, range } from "../bench.ts";
import { type Law, storeLaw } from "../law.ts";
import { join, LONG_TTL_MS, type Process, robot, startProcess, take } from "../traits/cluster.ts";
import { endings } from "./c-endings.ts";
import { guardedData } from "./c-guarded.ts";
import { schedules } from "./c-schedules.ts";

const bob = robot("bob");

export const leases: readonly Law[] = [
  storeLaw("a free addressable is granted, and everybody sees to whom", async (bench) => {
    const [one, two] = [await startProcess(bench), await startProcess(bench)];
    const a = await join(one, "a");
    equal(await two.leases.lookup(bob), undefined, "a free addressable has no lease");
    const lease = await take(one, a);
    must(lease.isHeld() && !lease.lost.aborted, "a lease is held after its grant", "held", lease.isHeld());
    must(lease.fence > 0n, "a grant has a fence", "above 0", lease.fence);
    const seen = await two.leases.lookup(bob);
    const found = { node: seen?.node.key, epoch: seen?.epoch, fence: seen?.fence, grant: seen?.grant };
    equal(
      found,
      { node: "a", epoch: a.epoch, fence: lease.fence, grant: lease.grant },
      "another process sees the lease",
    );
  }),

  storeLaw("a second node is refused and learns the holder, its fence and its grant", async (bench) => {
    const [one, two] = [await startProcess(bench), await startProcess(bench)];
    const [a, b] = [await join(one, "a"), await join(two, "b")];
    const lease = await take(one, a);
    for (let round = 0; round < 3; round += 1) {
      const refused = await two.leases.acquire(bob, b);
      must(!refused.ok, "what is held is not granted again", "a refusal", "a lease");
      const { node, epoch, fence, grant } = refused.current;
      const expected = { node: "a", epoch: a.epoch, fence: lease.fence, grant: lease.grant };
      equal({ node: node.key, epoch, fence, grant }, expected, "a refusal names who holds it");
    }
    await lease.renew();
    must(lease.isHeld(), "refusals do not touch the lease", "held", false);
  }),

  storeLaw("a release frees, once, and only the grant that it names", async (bench) => {
    const [one, two] = [await startProcess(bench), await startProcess(bench)];
    const [a, b] = [await join(one, "a"), await join(two, "b")];
    const lease = await take(one, a);
    const stranger = { reference: bob, grant: "0".repeat(32) };
    equal(await two.leases.release(stranger), false, "a release of another grant frees nothing");
    equal((await two.leases.lookup(bob))?.grant, lease.grant, "the lease stands after it");
    equal(await lease.release(), true, "a release of a held lease frees it");
    equal(lease.isHeld(), false, "a released lease is not held");
    equal(await two.leases.lookup(bob), undefined, "a released addressable has no lease");
    equal(await one.leases.release(lease), false, "a second release frees nothing");
    const next = await take(two, b);
    must(next.fence > lease.fence, "the next grant has a higher fence", `above ${lease.fence}`, next.fence);
    equal(await one.leases.release(lease), false, "a late release of an old grant frees nothing");
    equal((await one.leases.lookup(bob))?.grant, next.grant, "the new lease stands after it");
  }),

  storeLaw("a renewal confirms the grant that it names and no other", async (bench) => {
    const [one, two] = [await startProcess(bench), await startProcess(bench)];
    const a = await join(one, "a");
    const lease = await take(one, a);
    await lease.renew();
    equal((await two.leases.renew(lease)).fence, lease.fence, "a renewal on behalf of the holder confirms the grant");
    const stranger = { reference: bob, grant: "0".repeat(32) };
    await rejects(() => two.leases.renew(stranger), "LEASE_LOST", "a renewal of an unknown grant is refused");
    await lease.release();
    await rejects(() => two.leases.renew(lease), "LEASE_LOST", "a renewal after the release is refused");
    await rejects(() => lease.renew(), "LEASE_LOST", "a released lease can't be renewed");
  }),

  storeLaw("acquiring again supersedes one's own grant with a higher fence", async (bench) => {
    const one = await startProcess(bench);
    const a = await join(one, "a");
    const first = await take(one, a);
    const second = await take(one, a);
    must(second.fence > first.fence, "a second grant has a higher fence", `above ${first.fence}`, second.fence);
    await rejects(() => first.renew(), "LEASE_LOST", "the superseded grant can't be renewed");
    equal(first.isHeld(), false, "the superseded grant is no longer held");
    equal(await first.release(), false, "its release frees nothing");
    await second.renew();
    must(second.isHeld(), "the second grant stands", "held", false);
  }),

  storeLaw("a node that starts anew gets its addressables with higher fences, and its old life none", async (bench) => {
    const [one, two] = [await startProcess(bench), await startProcess(bench)];
    const old = await join(one, "a");
    const lease = await take(one, old);
    const anew = await two.members.join({ id: "a", ttlMs: LONG_TTL_MS }, { heartbeat: false, replace: true });
    must(anew.epoch !== old.epoch, "each life has an epoch of its own", "another epoch", anew.epoch);
    const next = await take(two, anew);
    must(next.fence > lease.fence, "the new life's grant has a higher fence", `above ${lease.fence}`, next.fence);
    await rejects(() => one.leases.renew(lease), "LEASE_LOST", "the old life's grant can't be renewed");
    equal(await one.leases.release(lease), false, "the old life's release frees nothing");
    equal((await one.leases.lookup(bob))?.grant, next.grant, "the new life's lease stands");
    await rejects(() => old.renew(), "LEASE_LOST", "the old life can't be renewed");
  }),

  storeLaw("fences strictly increase over releases, takeovers, sweeps and creations anew", async (bench) => {
    const processes = [await startProcess(bench), await startProcess(bench)];
    let last = 0n;
    let session = await join(processes[0] as Process, "n");
    for (let round = 0; round < bench.rounds(250, 12); round += 1) {
      const process = processes[round % 2] as Process;
      const lease = await take(process, session);
      must(lease.fence > last, `the fence of grant ${round} is above all before it`, `above ${last}`, lease.fence);
      last = lease.fence;
      if (round % 3 === 0) {
        await process.members.leave(session);
        session = await join(process, "n");
      } else if (round % 3 === 1) await lease.release();
      if (round % 5 < 2) await process.leases.sweep();
      if (round % 7 === 0) await process.members.sweep();
    }
  }),

  storeLaw("of 20 nodes that ask at once exactly one is granted, and all others learn of it", async (bench) => {
    const processes = [await startProcess(bench), await startProcess(bench)];
    const process = (index: number): Process => processes[index % 2] as Process;
    const sessions = await all(range(20), (index) => join(process(index), `n${index}`));
    for (let round = 0; round < bench.rounds(4, 1); round += 1) {
      const reference = robot(`r${round}`);
      const answers = await all(sessions, (session, index) => process(index).leases.acquire(reference, session));
      equal(answers.filter((answer) => answer.ok).length, 1, "exactly one of 20 is granted");
      const told = answers.map((answer) => (answer.ok ? answer.lease.grant : answer.current.grant));
      equal(new Set(told).size, 1, "all are told of the same grant");
    }
  }),

  storeLaw("of 20 nodes that ask when the holder ends exactly one takes over", async (bench) => {
    const processes = [await startProcess(bench), await startProcess(bench)];
    const process = (index: number): Process => processes[index % 2] as Process;
    const sessions = await all(range(20), (index) => join(process(index), `n${index}`));
    for (let round = 0; round < bench.rounds(4, 1); round += 1) {
      const reference = robot(`r${round}`);
      const holder = await join(process(0), `holder${round}`);
      const before = await take(process(0), holder, reference);
      await process(1).members.leave(holder);
      const answers = await all(sessions, (session, index) => process(index).leases.acquire(reference, session));
      const won = answers.flatMap((answer) => (answer.ok ? [answer.lease] : []));
      equal(won.length, 1, "exactly one of 20 takes over");
      const fence = won[0]?.fence ?? 0n;
      must(fence > before.fence, "a takeover has a higher fence", `above ${before.fence}`, fence);
    }
  }),

  storeLaw("all addressables of a node that leaves become free, and those of others stay", async (bench) => {
    const [one, two] = [await startProcess(bench), await startProcess(bench)];
    const [a, b] = [await join(one, "a"), await join(two, "b")];
    const references = range(bench.rounds(40, 8)).map((index) => robot(`r${index}`));
    await all(references, (reference) => take(one, a, reference));
    const kept = await take(two, b, robot("kept"));
    equal((await listed(two.leases.leasesOf("a"))).length, references.length, "a node's leases are listed");
    await a.leave();
    equal((await listed(one.leases.leasesOf("a"))).length, 0, "a node that left has no leases");
    const rest = await listed(one.leases.leases());
    equal(
      rest.map(({ grant }) => grant),
      [kept.grant],
      "the leases of others stand",
    );
    const answers = await two.leases.acquireMany(references, b);
    const granted = answers.filter((answer) => "ok" in answer && answer.ok).length;
    equal(granted, references.length, "every addressable of a node that left can be taken");
  }),

  storeLaw("any type and key names an addressable of its own", async (bench) => {
    const one = await startProcess(bench);
    const a = await join(one, "a");
    const texts = ["", "1", "a/b", "a-b", "é", "e\u0301", "😀", "\0", "x".repeat(1_000)];
    const keys = [...texts.map(stringKey), int32Key(1), int32Key(-1), int64Key(1n), int64Key(2n ** 63n - 1n), noKey];
    const references = ["Robot", "robot", "a-b", "", "ключ"].flatMap((type) => keys.map((key) => ({ type, key })));
    const granted = await all(references, (reference: AddressableReference) => take(one, a, reference));
    const found = await one.leases.lookupMany(references);
    const grants = found.map((lease) => (lease !== undefined && "grant" in lease ? lease.grant : lease));
    equal(
      grants,
      granted.map(({ grant }) => grant),
      "each addressable has its own lease",
    );
    equal((await listed(one.leases.leases())).length, references.length, "all of them are listed");
  }),

  storeLaw("bulk forms answer each on its own, in order", async (bench) => {
    const [one, two] = [await startProcess(bench), await startProcess(bench)];
    const [a, b] = [await join(one, "a"), await join(two, "b")];
    const held = await take(two, b, robot("held"));
    const bad = { type: "\uD800", key: noKey };
    const answers = await one.leases.acquireMany([robot("x"), bad, robot("held"), robot("y")], a);
    const kinds = answers.map((answer) => ("ok" in answer ? answer.ok : answer.code));
    equal(kinds, [true, "INVALID_ARGUMENT", false, true], "acquireMany answers place by place");
    const seen = await one.leases.lookupMany([robot("held"), robot("none"), robot("x")]);
    equal(
      seen.map((lease) => (lease && "node" in lease ? lease.node.key : undefined)),
      ["b", undefined, "a"],
      "lookupMany too",
    );
    const ghost = { reference: robot("x"), grant: "0".repeat(32) };
    const renewed = await one.leases.renewMany([ghost, held]);
    equal(
      renewed.map((lease) => ("code" in lease ? lease.code : "ok")),
      ["LEASE_LOST", "ok"],
      "renewMany too",
    );
    equal(await one.leases.releaseMany([ghost, held]), [false, true], "releaseMany too");
  }),

  ...endings,
  ...guardedData,
  ...schedules,
];

async function listed<T>(pages: AsyncIterable<readonly T[]>): Promise<T[]> {
  return (await Array.fromAsync(pages)).flat();
}
