import { type Acquired, guarded, StoreError } from "@orbit/persistence";

import { equal, must, rejects } from "../assert.ts";
import type { Bench } from "../bench.ts";
import { type Law, storeLaw } from "../law.ts";
import { grantOf, join, LONG_TTL_MS, type Process, robot, startProcess, take, writeOf } from "../traits/cluster.ts";
import { eventually, outcome, pause, under } from "../traits/faults.ts";
import { soon } from "../traits/follow.ts";
import { Gate, type Match } from "../traits/gate.ts";

const bob = robot("bob");
const bytes = (text: string): Uint8Array => Buffer.from(text);
const text = (value: Uint8Array | undefined): string | undefined => value && Buffer.from(value).toString();

/** By then a request has reached a backend that is near. Where it has not, the laws hold as well. */
const ON_ITS_WAY_MS = 50;

const faulty = (name: string, prove: Law["prove"]): Law => storeLaw(name, prove, { fault: "dropAnswers" });

/** The lease operations whose answer is lost on a real connection, at the moment of their write. */
export const cutLeases: readonly Law[] = [
  faulty("cut after it was sent: an acquire is never granted twice nor told to be another's", async (bench) => {
    const { one, two, gate } = await processes(bench);
    const [a, b] = [await join(one, "a"), await join(two, "b")];
    await one.leases.lookup(bob);
    const acquire = (): Promise<Acquired> => one.leases.acquire(bob, a);
    const told = await cutAt(bench, gate, grantOf(one), acquire, async () => {
      if ((await two.leases.lookup(bob)) === undefined) return;
      const other = await two.leases.acquire(bob, b);
      must(!other.ok, "what is granted to one is refused to the other", "a refusal", other);
    });
    const foreign = !StoreError.is(told) && !(told as Acquired).ok;
    must(!foreign, "an acquire that nobody contends with is not told to be another's", "a lease, or unknown", told);
    // Told or not, the node can go on: what it may have been granted is superseded.
    const ghost = await two.leases.lookup(bob);
    await eventually("after a cut the node can acquire what it may hold", async () => {
      const again = await one.leases.acquire(bob, a, { deadline: performance.now() + 1_000 });
      must(again.ok, "a node is granted what its own ghost holds", "a lease", again);
      must(again.lease.fence >= (ghost?.fence ?? 0n), "its fence does not fall", `from ${ghost?.fence}`, again.lease);
      return true;
    });
  }),

  faulty("cut after it was sent: a renewal of a lease or of a node does not end it", async (bench) => {
    const { one, two, gate } = await processes(bench);
    const a = await join(one, "a");
    const lease = await take(one, a, bob, LONG_TTL_MS);
    for (const [what, kind, renew] of [
      ["a lease", "lease", () => lease.renew()],
      ["a node", "node", () => a.renew()],
    ] as const) {
      const told = await cutAt(bench, gate, { operation: "put", kind }, renew);
      const ended = StoreError.is(told) && told.code === "LEASE_LOST";
      must(!ended, `a renewal of ${what} whose answer is lost is no reason to give up`, "done, or unknown", told);
      await eventually(`${what} is renewed after a cut`, () => renew().then(() => true));
    }
    must(lease.isHeld() && a.isLive(), "after a cut both are held", "held", { lease: lease.isHeld(), a: a.isLive() });
    equal((await two.leases.lookup(bob))?.grant, lease.grant, "everybody sees the same grant");
  }),

  faulty("cut after it was sent: a guarded write is done, refused or unknown, and never done twice", async (bench) => {
    const { one, two, gate } = await processes(bench);
    const [a, b] = [await join(one, "a"), await join(two, "b")];
    const mine = guarded(one.store, await take(one, a), { allowWeak: true });
    await mine.put("x", bytes("1"));
    const told = await cutAt(bench, gate, writeOf(one), () => mine.put("x", bytes("2")));
    const honest = told === undefined || (StoreError.is(told) && told.outcome === "unknown");
    must(honest, "a guarded write whose answer is lost is done or unknown", "done, or unknown", told);
    await eventually("the holder writes again after a cut", () => mine.put("x", bytes("3")).then(() => true));
    await two.members.leave(a);
    const theirs = guarded(two.store, await take(two, b), { allowWeak: true });
    equal(text(await theirs.get("x")), "3", "the next holder reads what was acknowledged last");
    await rejects(() => mine.put("x", bytes("4")), "LEASE_LOST", "the holder before writes nothing any more");
    equal(text(await theirs.get("x")), "3", "no write of the holder before lands later");
  }),
];

interface Linked {
  readonly one: Process;
  readonly two: Process;
  readonly gate: Gate;
}

/** A process over the link whose requests can be held, and one past it. */
async function processes(bench: Bench): Promise<Linked> {
  const gate = new Gate();
  const one = await startProcess(bench, { linked: true, around: gate.around });
  return { one, two: await startProcess(bench), gate };
}

/** Holds the request, breaks the link, lets the request go on it, and heals after what is to happen meanwhile. */
async function cutAt(
  bench: Bench,
  gate: Gate,
  request: Match,
  start: () => Promise<unknown>,
  meanwhile: () => Promise<void> = async () => undefined,
): Promise<unknown> {
  const held = gate.hold(request);
  let settled = false;
  const work = outcome(start()).finally(() => (settled = true));
  await Promise.race([held.arrived, work]);
  if (settled) {
    // Sessions of the backend itself are kept alive without a write that could be held.
    held.cancel();
    return work;
  }
  return under(bench.faults.dropAnswers(), async (heal) => {
    const passing = held.pass();
    await pause(ON_ITS_WAY_MS);
    await meanwhile();
    await heal();
    await passing;
    return soon(work, "every call settles once the link is healed", "an answer");
  });
}
