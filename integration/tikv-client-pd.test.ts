import { physicalMs, TikvClient } from "@orbit/tikv-client";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";

import type { Server } from "./backends/tikv/server.ts";
import { startTikv, type TikvCluster } from "./backends/tikv/start.ts";
import { bytes, leaderOf, text } from "./tikv/keys.ts";

let cluster: TikvCluster;
let client: TikvClient;

// Building PD and PingCAP's store takes minutes where nothing is built yet.
beforeAll(async () => {
  cluster = await startTikv({ pds: 3 });
  client = await TikvClient.open({ endpoints: cluster.pd });
}, 900_000);

afterAll(async () => {
  await client?.close();
  await cluster?.[Symbol.asyncDispose]();
});

afterEach(() => cluster.control.clearFaults());

/** Finds the member that leads, among those that answer. */
async function leader(): Promise<Server> {
  for (;;) {
    for (const endpoint of cluster.pd) {
      const answer = await fetch(`http://${endpoint}/pd/api/v1/leader`, { signal: AbortSignal.timeout(1_000) }).catch(
        () => undefined,
      );
      if (answer?.ok !== true) continue;
      const { name } = (await answer.json()) as { readonly name: string };
      return cluster.members[Number(name.slice(2))]!;
    }
  }
}

/** Takes a call that may fail in time, and tells how long it took at most. */
async function settles(call: Promise<unknown>, withinMs: number): Promise<void> {
  const started = performance.now();
  await call.catch((error: unknown) => expect(error).toMatchObject({ code: "TIMEOUT" }));
  expect(performance.now() - started).toBeLessThan(withinMs);
}

describe("timestamps", () => {
  test("are unique and rise, many at once and one after another", async () => {
    const seen = new Set<bigint>();
    let last = 0n;
    for (let round = 0; round < 5; round++) {
      const given = await Promise.all(Array.from({ length: 3_000 }, () => client.timestamp()));
      for (const timestamp of given) {
        expect(timestamp > last).toBe(true);
        seen.add(timestamp);
      }
      last = given.reduce((most, timestamp) => (timestamp > most ? timestamp : most));
    }
    expect(seen.size).toBe(15_000);
  });

  test("tell the milliseconds of PD's clock, without losing a bit", async () => {
    const timestamp = await client.timestamp();
    expect(timestamp > BigInt(Number.MAX_SAFE_INTEGER)).toBe(true);
    expect(Math.abs(physicalMs(timestamp) - Date.now())).toBeLessThan(60_000);
  });

  test("end with their signal", async () => {
    await expect(client.timestamp({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "ABORTED" });
  });
});

describe("the members of PD", () => {
  test("are all found through any that answers", async () => {
    for (const endpoint of cluster.pd) {
      await using one = await TikvClient.open({ endpoints: ["127.0.0.1:1", endpoint] });
      expect(one.clusterId).toBe(client.clusterId);
      expect(await one.timestamp()).toBeGreaterThan(0n);
    }
  });

  test("that don't answer are named in time", async () => {
    const opening = TikvClient.open({ endpoints: ["127.0.0.1:1"] }, { timeoutMs: 1_500 });
    await expect(opening).rejects.toMatchObject({ code: "TIMEOUT" });
    await expect(opening).rejects.toThrow(/no member of PD names a leader: .*127\.0\.0\.1:1.*ECONNREFUSED/);
  });

  test("of another cluster are refused", async () => {
    await using other = await startTikv({ stores: 1 });
    const opening = TikvClient.open({ endpoints: [cluster.pd[0]!, other.pd[0]!] });
    await expect(opening).rejects.toMatchObject({ code: "CLUSTER_MISMATCH" });
    await expect(opening).rejects.toThrow(`${cluster.pd[0]} belongs to ${client.clusterId}`);
  }, 60_000);

  test("lead one after another: timestamps keep rising over a leader that is killed", async () => {
    let last = await client.timestamp();
    const killed = await leader();
    let stopped = false;
    const running = (async () => {
      while (!stopped) {
        const timestamp = await client.timestamp({ timeoutMs: 60_000 });
        expect(timestamp > last).toBe(true);
        last = timestamp;
      }
    })();
    await killed.stop("SIGKILL");
    const atDeath = last;
    while (last - atDeath < 1n << 20n) await client.timestamp({ timeoutMs: 60_000 });
    stopped = true;
    await running;
    await client.raw().put(bytes("pd/killed"), bytes("1"));
    await killed.start();
  }, 90_000);

  test("lead one after another: no call hangs on a leader that is frozen, and the next one serves", async () => {
    await client.timestamp();
    const frozen = await leader();
    frozen.pause();
    try {
      const calls = Array.from({ length: 10 }, () => settles(client.timestamp({ timeoutMs: 700 }), 5_000));
      await Promise.all(calls);
      // The others elect a leader once the frozen one's lease has run out.
      expect(await client.timestamp({ timeoutMs: 60_000 })).toBeGreaterThan(0n);
      await using fresh = await TikvClient.open({ endpoints: cluster.pd }, { timeoutMs: 60_000 });
      await fresh.raw().put(bytes("pd/frozen"), bytes("1"));
    } finally {
      frozen.resume();
    }
  }, 120_000);

  test("may all be frozen: calls end in time, and serve when one wakes", async () => {
    for (const member of cluster.members) member.pause();
    try {
      await settles(client.timestamp({ timeoutMs: 500 }), 5_000);
      await settles(TikvClient.open({ endpoints: cluster.pd }, { timeoutMs: 500 }), 5_000);
    } finally {
      for (const member of cluster.members) member.resume();
    }
    expect(await client.timestamp({ timeoutMs: 60_000 })).toBeGreaterThan(0n);
  }, 90_000);
});

describe("stores", () => {
  test("that are frozen fail calls in time, and serve when they wake", async () => {
    const raw = client.raw();
    await raw.put(bytes("store/frozen"), bytes("1"));
    cluster.stores.pause();
    try {
      await settles(raw.get(bytes("store/frozen"), { timeoutMs: 500 }), 5_000);
      await settles(raw.put(bytes("store/frozen"), bytes("1"), { timeoutMs: 500 }), 5_000);
    } finally {
      cluster.stores.resume();
    }
    expect(text(await raw.get(bytes("store/frozen"), { timeoutMs: 60_000 }))).toBe("1");
  }, 90_000);

  test("that are killed and come back lose no put that was acknowledged", async () => {
    const raw = client.raw();
    let written = 0;
    let stopped = false;
    const writing = (async () => {
      while (!stopped) {
        await raw.put(bytes("store/killed"), bytes(String(written + 1)), { timeoutMs: 60_000 });
        written++;
      }
    })();
    while (written < 5) await raw.get(bytes("store/killed"));
    await cluster.stores.restart("SIGKILL");
    const before = written;
    while (written < before + 5) await raw.get(bytes("store/killed"), { timeoutMs: 60_000 });
    stopped = true;
    await writing;
    expect(text(await raw.get(bytes("store/killed")))).toBe(String(written));
  }, 90_000);

  test("that went down hand their regions to others, where reads find them", async () => {
    const raw = client.raw();
    await raw.put(bytes("store/down"), bytes("1"));
    const { store } = await leaderOf(cluster.control, "store/down");
    await cluster.control.down(store);
    try {
      expect((await leaderOf(cluster.control, "store/down")).store).not.toBe(store);
      expect(text(await raw.get(bytes("store/down")))).toBe("1");
    } finally {
      await cluster.control.up(store);
    }
  }, 90_000);
});
