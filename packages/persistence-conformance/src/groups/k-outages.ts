import { breaker, retry, type Store, StoreError } from "@orbit/persistence";
import type { Around } from "@orbit/persistence/driver";

import { equal, must, rejects } from "../assert.ts";
import { all, type Bench, range } from "../bench.ts";
import { driverLaw, type Law, storeLaw } from "../law.ts";
import { callsOf } from "../traits/calls.ts";
import { eventually, outcome, pause, soonest, under, warm } from "../traits/faults.ts";
import { soon } from "../traits/follow.ts";

const DEADLINE_MS = 300;
/** How late a deadline may be kept on a busy machine. On an idle one it is a few milliseconds. */
const SLACK_MS = 2_000;
const WRITES: readonly string[] = ["put", "put absent", "delete", "write", "commit"];

/** Calls while the backend can't be reached, and what they cost. */
export const outages: readonly Law[] = [
  storeLaw(
    "while nothing passes, every call ends at its deadline",
    async (bench) => {
      const store = await linked(bench);
      await under(bench.faults.hang(), async () => {
        const start = performance.now();
        await all(callsOf(store), async ([name, call]) => {
          const error = await rejects(
            () => call({ deadline: start + DEADLINE_MS }),
            ["TIMEOUT", "UNAVAILABLE"],
            `${name} with a deadline ends while nothing passes`,
          );
          const tookMs = performance.now() - start;
          const inTime = tookMs < DEADLINE_MS + SLACK_MS;
          must(inTime, `${name} ends at its deadline of ${DEADLINE_MS} ms`, `${SLACK_MS} ms later at most`, tookMs);
          if (!WRITES.includes(name) || error.code !== "TIMEOUT") return;
          equal(error.outcome, "unknown", `${name} that was sent and not answered has an unknown outcome`);
        });
      });
    },
    { fault: "hang" },
  ),

  storeLaw(
    "while nothing passes, a signal ends every call",
    async (bench) => {
      const store = await linked(bench);
      await under(bench.faults.hang(), async () => {
        const abort = new AbortController();
        const calls = all(callsOf(store), ([name, call]) =>
          rejects(() => call({ signal: abort.signal }), "ABORTED", `${name} that is given up ends`),
        );
        calls.catch(() => undefined);
        await pause(20);
        abort.abort();
        await soon(calls, "a signal ends every call", "the end of all calls");
      });
    },
    { fault: "hang" },
  ),

  driverLaw(
    "while nothing passes, an instance closes",
    async (bench) => {
      const driver = await bench.driver({ linked: true });
      await warm(bench, driver);
      await under(bench.faults.hang(), async () => {
        void outcome(driver.get(bench.key("a")));
        await pause(20);
        await soon(driver.close(), "an instance closes whatever its backend does", "the end of close");
      });
    },
    { fault: "hang" },
  ),

  ...(["hang", "refuse"] as const).map((fault) =>
    storeLaw(
      `a store whose backend ${fault === "hang" ? "does not answer" : "refuses connections"} fails to open in time, and opens later`,
      async (bench) => {
        await under(bench.faults[fault](), async () => {
          const deadline = performance.now() + DEADLINE_MS;
          const opening = rejects(
            () => bench.store({ deadline }, { linked: true }),
            ["TIMEOUT", "UNAVAILABLE"],
            "a store that can't reach its backend does not open",
          );
          await soon(opening, "opening ends at its deadline", "an error");
        });
        await eventually("a new store opens once the backend can be reached", async () => {
          await bench.store({}, { linked: true });
          return true;
        });
      },
      { fault },
    ),
  ),

  storeLaw(
    "a slow backend is waited for, and answers are not mixed up",
    async (bench) => {
      const store = await linked(bench);
      const keys = range(12).map((index) => `k${index}`);
      await under(bench.faults.delay(40), async () => {
        const made = await all(keys, (key) => store.put(key, bench.value(key), "absent"));
        must(
          made.every(({ ok }) => ok),
          "creates over a slow link win",
          "ok",
          made,
        );
        const found = await all(keys, async (key) => bench.text(await store.get(key)));
        equal(found, keys, "reads over a slow link answer their own key");
      });
    },
    { fault: "delay" },
  ),

  storeLaw(
    "while connections are refused, calls fail as retryable or unknown, and health does not say healthy",
    async (bench) => {
      const store = await linked(bench);
      await under(bench.faults.refuse(), async () => {
        for (const [name, call] of callsOf(store)) {
          if (name === "health" || name === "watch") continue;
          const law = `${name} fails while connections are refused`;
          const error = await rejects(() => call(soonest()), ["UNAVAILABLE", "TIMEOUT"], law);
          must(error.retryable || error.outcome === "unknown", law, "retryable, or an unknown outcome", error);
        }
        const health = await outcome(store.health(soonest()));
        const status = StoreError.is(health) ? "none" : (health as { status?: string }).status;
        must(status !== "healthy", "a backend that can't be reached is not healthy", "unhealthy, or an error", health);
      });
    },
    { fault: "refuse" },
  ),

  storeLaw(
    "the breaker opens while connections are refused, spares the backend, and closes again",
    async (bench) => {
      const { around, reached } = counter();
      const options = { layers: [breaker({ failures: 3, resetMs: 200 })] };
      const store = await bench.store(options, { linked: true, around });
      await warm(bench, store);
      await under(bench.faults.refuse(), async () => {
        const before = reached();
        for (let call = 0; call < 3; call += 1) await outcome(store.get("a", soonest()));
        must(reached() > before, "calls reach the driver until the breaker opens", "some", reached() - before);
        const opened = reached();
        const refused = rejects(() => store.get("a", soonest()), "UNAVAILABLE", "an open breaker refuses calls");
        must((await refused).message.includes("breaker"), "the breaker says so", "its name", (await refused).message);
        equal(reached(), opened, "while the breaker is open no call reaches the driver");
      });
      await eventually("the breaker closes again", async () => {
        await store.get("a", soonest());
        return true;
      });
    },
    { fault: "refuse" },
  ),

  storeLaw(
    "the layer retry carries reads over an outage that is short",
    async (bench) => {
      const options = { layers: [retry({ attempts: 200, baseMs: 20, maxMs: 50 })] };
      const store = await bench.store(options, { linked: true });
      await store.put("a", bench.value("one"), "absent");
      await under(bench.faults.refuse(), async (heal) => {
        const reading = store.get("a", { deadline: performance.now() + 10_000 });
        reading.catch(() => undefined);
        await pause(100);
        await heal();
        equal(bench.text(await reading), "one", "a read that began in an outage ends after it");
      });
    },
    { fault: "refuse" },
  ),

  storeLaw(
    "a backend that asks for fewer requests is told as THROTTLED and retried with pauses",
    async (bench) => {
      const { around, reached } = counter();
      const options = { layers: [retry({ attempts: 50, baseMs: 50, maxMs: 200 })] };
      const [bare, store] = [await linked(bench), await bench.store(options, { linked: true, around })];
      const throttled = bench.faults.throttle?.();
      must(throttled !== undefined, "the fault is given", "throttle", undefined);
      await under(throttled, async (heal) => {
        for (const call of [() => bare.get("a"), () => bare.put("a", bench.value("x"), "absent")]) {
          const error = await rejects(call, "THROTTLED", "a throttled call is told as THROTTLED");
          must(error.retryable, "what was throttled was not applied and can be sent again", "retryable", error);
        }
        const before = reached();
        const writing = store.put("b", bench.value("one"), "absent", { deadline: performance.now() + 10_000 });
        writing.catch(() => undefined);
        await pause(400);
        const sent = reached() - before;
        must(sent > 0 && sent < 40, "retries leave pauses that grow", "a few requests in 400 ms", sent);
        await heal();
        must((await writing).ok, "a write that was throttled is applied in the end", "ok", await writing);
      });
    },
    { fault: "throttle" },
  ),
];

async function linked(bench: Bench): Promise<Store> {
  const store = await bench.store({}, { linked: true });
  await warm(bench, store);
  return store;
}

function counter(): { readonly around: Around; readonly reached: () => number } {
  let calls = 0;
  const around: Around = (_call, options, run) => {
    calls += 1;
    return run(options);
  };
  return { around, reached: () => calls };
}
