import { systemRandom } from "@orbit/persistence/driver";
import { seededRandom } from "@orbit/persistence/testing";
import { beforeEach, expect, test } from "vitest";

import { type Host, nodeHost } from "../src/backup/host.ts";
import { Lock } from "../src/backup/lock.ts";
import { failure, FakeDisk } from "./fake-disk.ts";

const PATH = "/data/lock";

let disk: FakeDisk;
/** When each running process of the made-up host started. */
let running: Map<number, string>;

beforeEach(() => {
  disk = new FakeDisk();
  running = new Map([
    [1, "boot/10"],
    [2, "boot/20"],
  ]);
});

function host(pid: number, name = "host-a"): Host {
  return { name, pid, startOf: async (id) => running.get(id) };
}

const take = (pid: number, name?: string): Promise<Lock> => Lock.take(disk, PATH, host(pid, name), systemRandom);

test("a second process is refused with the pid of the first, until that gives the lock back", async () => {
  const lock = await take(1);
  await lock.check();
  await expect(take(2)).rejects.toMatchObject({
    code: "CONFLICT",
    retryable: false,
    message: expect.stringContaining("process 1, which is running"),
  });
  await lock.release();
  expect([...disk.names.keys()]).toEqual([]);
  await take(2);
});

test("the same process is refused too, and told that it is itself", async () => {
  await take(1);
  await expect(take(1)).rejects.toThrow(/another store of this process \(1\)/);
});

test("a lock is taken over when its process is gone, or its pid belongs to another by now", async () => {
  await take(1);
  running.delete(1);
  const second = await take(2);
  await second.check();
  // A container that starts again: same pid, another process.
  running.set(2, "boot/99");
  const third = await take(2);
  await third.check();
  await expect(second.check()).rejects.toMatchObject({ code: "CONFLICT" });
  // Nothing is left beside it, and one that lost its lock removes nobody else's.
  await second.release();
  await third.check();
  expect([...disk.names.keys()]).toEqual([PATH]);
});

test("a lock of another host is refused with what to do, since nobody here can tell whether it lives", async () => {
  await take(1, "host-b");
  running.delete(1);
  await expect(take(2)).rejects.toThrow(/process 1 on host host-b.*delete the file/);
});

test("where the system does not tell starts, a running pid is enough to refuse", async () => {
  running.set(1, "unknown");
  await take(1);
  await expect(take(2)).rejects.toMatchObject({ code: "CONFLICT" });
});

test("what a power failure left of a lock stands in nobody's way", async () => {
  disk.put(PATH, Buffer.from("orbit lock 1\npid 1"));
  await expect((await take(2)).check()).resolves.toBeUndefined();
});

test("of many that take over the same dead lock at once, one holds it", async () => {
  for (let seed = 0; seed < 200; seed += 1) {
    disk = new FakeDisk();
    running = new Map([[9, "boot/9"]]);
    await take(9);
    running.delete(9);
    const pids = [1, 2, 3, 4, 5];
    for (const pid of pids) running.set(pid, `boot/${pid}`);
    // Each step on the disk takes its own number of turns, so that the five mix in another way with every seed.
    const random = seededRandom(seed);
    const slow: FakeDisk = new Proxy(disk, {
      get(target, name) {
        const member: unknown = Reflect.get(target, name, target);
        if (typeof member !== "function") return member;
        return async (...args: unknown[]): Promise<unknown> => {
          for (let turns = Math.floor(random.number() * 8); turns > 0; turns -= 1) await Promise.resolve();
          return Reflect.apply(member, target, args) as unknown;
        };
      },
    });
    const outcomes = await Promise.allSettled(pids.map((pid) => Lock.take(slow, PATH, host(pid), systemRandom)));
    const locks = outcomes.filter((outcome) => outcome.status === "fulfilled").map((outcome) => outcome.value);
    const held = await Promise.allSettled(locks.map((lock) => lock.check()));
    expect([seed, held.filter((check) => check.status === "fulfilled").length]).toEqual([seed, 1]);
  }
});

test("one that comes late to a dead lock leaves alone the one that has taken it over meanwhile", async () => {
  running.set(9, "boot/9");
  await take(9);
  running.delete(9);
  let arrive = (): void => undefined;
  const arrived = new Promise<void>((resolve) => {
    arrive = resolve;
  });
  let answer = (): void => undefined;
  const answered = new Promise<void>((resolve) => {
    answer = resolve;
  });
  const late: Host = {
    ...host(2),
    async startOf(pid) {
      if (pid !== 9) return running.get(pid);
      arrive();
      await answered;
      return undefined;
    },
  };
  const second = Lock.take(disk, PATH, late, systemRandom);
  await arrived;
  const first = await take(1);
  answer();
  await expect(second).rejects.toMatchObject({ code: "CONFLICT", message: expect.stringContaining("process 1,") });
  await expect(first.check()).resolves.toBeUndefined();
});

test("a lock that can't be made is a typed error, and leaves nothing behind", async () => {
  disk.fault = (operation) => (operation === "write" ? failure("ENOSPC") : undefined);
  await expect(take(1)).rejects.toMatchObject({ code: "FULL" });
  disk.fault = (operation) => (operation === "link" ? failure("EPERM") : undefined);
  await expect(take(1)).rejects.toMatchObject({ code: "DENIED" });
  expect([...disk.names.keys()]).toEqual([]);
});

test("the real host knows itself, and knows that a pid that can't be is not there", async () => {
  expect(await nodeHost.startOf(process.pid)).toBe(await nodeHost.startOf(process.pid));
  expect(await nodeHost.startOf(process.pid)).toBeTypeOf("string");
  expect(await nodeHost.startOf(2 ** 22 + 1)).toBeUndefined();
});
