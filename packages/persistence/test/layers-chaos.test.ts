import { expect, test } from "vitest";

import { chaos, type ChaosOptions, createStore, retry, type Version } from "../src/index.ts";
import { manualClock, mapData, mapDriver, seededRandom } from "../src/testing/index.ts";
import { bytes, collect, endOf, failure, fullDriver, recorded, text } from "./support.ts";

const always = (options: ChaosOptions) => chaos({ random: seededRandom(1), ...options });

/** What a hundred calls meet, as words. */
async function history(seed: number): Promise<string[]> {
  const clock = manualClock();
  const layer = chaos({
    failBefore: 0.2,
    failAfter: 0.2,
    delay: 0.2,
    duplicate: 0.2,
    clock,
    random: seededRandom(seed),
  });
  const { driver, calls } = recorded(mapDriver({ clock }));
  const layered = layer(driver);
  const told: string[] = [];
  for (let at = 0; at < 100; at += 1) {
    const start = clock.now();
    const call = layered.put(`${at}`, bytes("v"), "absent").then(
      () => "ok",
      (error: Error) => error.message,
    );
    await clock.advance(200);
    told.push(`${await call} after ${clock.now() - start}, ${calls.length} sent`);
  }
  return told;
}

test("a seed repeats a run, another seed makes another", async () => {
  const [one, again, other] = [await history(1), await history(1), await history(2)];
  expect(again).toEqual(one);
  expect(other).not.toEqual(one);
  expect(one.filter((line) => line.startsWith("ok")).length).toBeGreaterThan(40);
  for (const fault of ["was not sent", "was lost"]) expect(one.some((line) => line.includes(fault))).toBe(true);
});

test("a fault before sending leaves nothing behind, one after it an unknown outcome", async () => {
  const before = recorded(fullDriver());
  expect(await failure(always({ failBefore: 1 })(before.driver).put("k", bytes("v"), "absent"))).toMatchObject({
    code: "UNAVAILABLE",
    outcome: "none",
    retryable: true,
  });
  expect(before.calls).toEqual([]);

  const after = fullDriver();
  const layered = always({ failAfter: 1 })(after);
  expect(await failure(layered.put("k", bytes("v"), "absent"))).toMatchObject({ outcome: "unknown", retryable: false });
  expect(text((await after.get("k"))?.value)).toBe("v");
  for (const call of [
    () => layered.get("k"),
    () => layered.getMany!(["k"]),
    () => collect(layered.scan({ prefix: "" })),
  ]) {
    expect(await failure(call)).toMatchObject({ code: "UNAVAILABLE", outcome: "none", retryable: true });
  }
  const op = { type: "put", key: "l", value: bytes("v"), when: "absent" } as const;
  for (const call of [() => layered.write!([op]), () => layered.commit!([], [op]), () => layered.session!(5)]) {
    expect(await failure(call)).toMatchObject({ outcome: "unknown" });
  }
  expect((await failure(layered.delete("k", "always"))).outcome).toBe("unknown");
  expect(await after.get("k")).toBeUndefined();
});

test("a delayed write lands although its caller gave it up", async () => {
  const clock = manualClock();
  const data = mapData();
  const layer = always({ delay: 1, maxDelayMs: 1_000, clock });
  layer.enabled = false;
  const store = await createStore(mapDriver({ data, clock }), { clock, layers: [layer] });
  layer.enabled = true;
  const call = store.put("k", bytes("v"), "always", { deadline: clock.now() + 1 });
  expect(await endOf(call, clock, 1)).toMatchObject({ code: "TIMEOUT", outcome: "unknown" });
  expect(data.slots.size).toBe(0);
  await clock.advance(1_000);
  expect(data.slots.size).toBe(1);
});

test("conditional writes are sent twice, unconditional ones never", async () => {
  const clock = manualClock();
  const { driver, calls } = recorded(fullDriver({ clock }));
  const layered = always({ duplicate: 1, maxDelayMs: 100, clock })(driver);
  const version = "7" as Version;
  const put = { type: "put", key: "k", value: bytes("v") } as const;
  const twice = [
    () => layered.put("k", bytes("v"), "absent"),
    () => layered.put("k", bytes("v"), { version }),
    () => layered.delete("k", { version }),
    () => layered.write!([{ ...put, when: "absent" }]),
    () => layered.commit!([], [{ ...put, when: "absent" }]),
  ];
  const once = [
    () => layered.put("k", bytes("v"), "always"),
    () => layered.delete("k", "always"),
    () =>
      layered.write!([
        { ...put, when: "absent" },
        { ...put, key: "l", when: "always" },
      ]),
    () => layered.commit!([{ key: "m", when: "absent" }], [{ ...put, when: "always" }]),
    () => layered.get("k"),
  ];
  for (const [attempts, sent] of [
    [twice, 2],
    [once, 1],
  ] as const) {
    for (const attempt of attempts) {
      calls.length = 0;
      await attempt();
      expect(calls).toHaveLength(1);
      await clock.advance(100);
      expect(calls, String(attempt)).toHaveLength(sent);
    }
  }
});

test("faults keep to the calls that are chosen, and to when they are switched on", async () => {
  const layer = chaos({
    failBefore: 1,
    only: ({ operation, key }) => operation === "get" && key === "bad",
    enabled: false,
  });
  const layered = layer(mapDriver());
  await layered.get("bad");
  layer.enabled = true;
  expect((await failure(layered.get("bad"))).code).toBe("UNAVAILABLE");
  await layered.get("good");
  await layered.put("bad", bytes("v"), "always");
  layer.enabled = false;
  await layered.get("bad");
});

test.each([1, 2, 3, 4, 5])(
  "increments through faults sum exactly: all that were acknowledged, none twice (seed %i)",
  async (seed) => {
    const clock = manualClock();
    const data = mapData();
    const random = seededRandom(seed);
    const layer = chaos({
      failBefore: 0.1,
      failAfter: 0.15,
      delay: 0.2,
      duplicate: 0.2,
      maxDelayMs: 40,
      clock,
      random,
    });
    layer.enabled = false;
    const open = () =>
      createStore(mapDriver({ data, clock }), {
        clock,
        random: seededRandom(seed * 100 + data.versions),
        operationTimeoutMs: 2_000,
        layers: [retry({ attempts: 5, baseMs: 1, clock, random }), layer],
      });
    const stores = [await open(), await open()];
    await stores[0]?.put("n", bytes("0"), "absent");
    layer.enabled = true;
    let acknowledged = 0;
    let unknown = 0;
    const increment = async (store: (typeof stores)[number]): Promise<void> => {
      for (;;) {
        const entry = await store.get("n").catch(() => undefined);
        if (entry === undefined) continue;
        const next = bytes(String(Number(text(entry.value)) + 1));
        try {
          if ((await store.put("n", next, { version: entry.version })).ok) {
            acknowledged += 1;
            return;
          }
        } catch {
          unknown += 1;
          return;
        }
      }
    };
    const all = Promise.all(Array.from({ length: 24 }, (_, at) => increment(stores[at % 2] ?? stores[0]!)));
    let done = false;
    void all.then(() => (done = true));
    for (let passed = 0; passed < 60_000 && !done; passed += 50) await clock.advance(50);
    expect(done).toBe(true);
    await clock.advance(1_000);
    layer.enabled = false;
    const sum = Number(text((await stores[0]?.get("n"))?.value));
    expect(acknowledged + unknown).toBe(24);
    expect(acknowledged).toBeGreaterThan(0);
    expect(sum).toBeGreaterThanOrEqual(acknowledged);
    expect(sum).toBeLessThanOrEqual(acknowledged + unknown);
  },
);
