import {
  type CallOptions,
  type Capabilities,
  type Change,
  type Clock,
  type Entry,
  type Limits,
  type Put,
  type Random,
  type Range,
  type Resync,
  type StoreDriver,
  StoreError,
  systemClock,
  systemRandom,
  type WriteOp,
} from "@orbit/persistence/driver";

import { atMost, lacking, Weakness } from "./weakness.ts";

/** What a store promises less than the one beneath. What it does not promise, it does not do or does badly. */
export interface Simulation {
  /** The name it goes by; that of the driver beneath by default. */
  readonly name?: string;
  /**
   * Replaces capabilities. Optional methods vanish with theirs; without `conditionalDelete` a stale delete is let
   * through; ages and times to live take the steps of `ttlGranularityMs`, and ages are wrong by up to `clockSkewMs`;
   * `best-effort` watches do not resume. What has no effect but on claims: `consistency`, `durability`, `scope`,
   * `fencing`.
   */
  readonly capabilities?: Partial<Omit<Capabilities, "limits">> & { readonly limits?: Partial<Limits> };
  /** The most entries a page of a scan holds. */
  readonly pageEntries?: number;
  /** Listings carry no values: a scan that wants them asks for each by itself, later than it saw the key. */
  readonly listsWithoutValues?: boolean;
  /** How long each call takes, in milliseconds, half of it before and half after its effect. */
  readonly latencyMs?: number;
}

export interface SimulationRuntime {
  readonly clock?: Clock;
  readonly random?: Random;
}

/**
 * Makes a driver behave like a weaker one, so that what stands on it is tested without that backend. It claims what it
 * is told to claim: what is behind it lasts as long as the driver beneath, whatever `durability` says.
 *
 * @throws StoreError `INVALID_ARGUMENT` for a capability that the driver beneath lacks.
 */
export function simulate(inner: StoreDriver, simulation: Simulation, runtime: SimulationRuntime = {}): StoreDriver {
  const { clock = systemClock, random = systemRandom } = runtime;
  const { pageEntries = Number.POSITIVE_INFINITY, listsWithoutValues = false, latencyMs = 0 } = simulation;
  const capabilities: Capabilities = {
    ...inner.capabilities,
    ...simulation.capabilities,
    limits: { ...inner.capabilities.limits, ...simulation.capabilities?.limits },
  };
  refuseStronger(inner.capabilities, capabilities);
  const weak = new Weakness({ capabilities, latencyMs, clock, random });
  const get = (key: string, options?: CallOptions): Promise<Entry | undefined> =>
    weak.taking(options, "read", async () => weak.found(await inner.get(key, options)));

  async function* scan(range: Range, options?: CallOptions): AsyncGenerator<readonly Entry[], void, undefined> {
    const fetch = listsWithoutValues && range.keysOnly !== true;
    for await (const listed of inner.scan(fetch ? { ...range, keysOnly: true } : range, options)) {
      for (let at = 0; at < listed.length; at += pageEntries) {
        const page = await weak.taking(options, "read", async () => listed.slice(at, at + pageEntries));
        const entries = fetch
          ? await Promise.all(page.map(({ key }) => get(key, options)))
          : page.map((e) => weak.entry(e));
        // What was deleted since it was listed is left out.
        const found = entries.filter((entry) => entry !== undefined);
        if (found.length > 0) yield found;
      }
    }
  }

  return {
    name: simulation.name ?? inner.name,
    contract: inner.contract,
    capabilities,
    open: (options) => inner.open(options),
    close: () => inner.close(),
    health: (options) => weak.taking(options, "read", () => inner.health(options)),
    get,
    scan,
    async put(key, value, when, options) {
      const { ttlMs, session } = options ?? {};
      if (session !== undefined && !capabilities.session) throw lacking("session");
      const op = weak.put({ type: "put", key, value, when, ...(ttlMs !== undefined && { ttlMs }) });
      const put = (): Promise<Put> => inner.put(key, op.value, when, { ...options, ttlMs: op.ttlMs });
      return weak.answer(await weak.taking(options, "write", put));
    },
    async delete(key, when, options) {
      const condition = weak.deleteWhen(when);
      return weak.answer(await weak.taking(options, "write", () => inner.delete(key, condition, options)));
    },
    ...optional(inner, capabilities, weak),
  };
}

/** The methods that a driver has only with the capability. */
function optional(inner: StoreDriver, capabilities: Capabilities, weak: Weakness): Partial<StoreDriver> {
  return {
    ...(capabilities.getMany && {
      getMany: (keys, options) =>
        weak.taking(options, "read", async () =>
          (await inner.getMany!(keys, options)).map((entry) => weak.found(entry)),
        ),
    }),
    ...(capabilities.write && {
      async write(ops, options) {
        const prepared = ops.map((op) => writeOrFail(weak, op));
        const sound = prepared.filter((op): op is WriteOp => !StoreError.is(op));
        const answers = (await weak.taking(options, "write", () => inner.write!(sound, options))).values();
        return prepared.map((op) => {
          const answer = StoreError.is(op) ? op : answers.next().value;
          if (answer === undefined) throw new StoreError("INTERNAL", "the driver beneath left out an answer");
          return StoreError.is(answer) ? answer : weak.answer(answer);
        });
      },
    }),
    ...(capabilities.commit !== "none" && {
      async commit(checks, ops, options) {
        atMost("commit", checks.length + ops.length, capabilities.limits.maxCommitOps);
        const prepared = ops.map((op) => weak.write(op));
        const answer = await weak.taking(options, "write", () => inner.commit!(checks, prepared, options));
        if (answer.ok) return answer;
        return { ok: false, conflicts: answer.conflicts.map((c) => ({ ...c, current: weak.found(c.current) })) };
      },
    }),
    ...(capabilities.watch !== "none" && {
      watch({ prefix, from }, options) {
        const resumes = capabilities.watch === "resumable" && from !== undefined;
        return watched(inner.watch!({ prefix, ...(resumes && { from }) }, options), weak);
      },
    }),
    ...(capabilities.session && {
      session: (ttlMs, options) => weak.taking(options, "write", () => inner.session!(weak.ttlMs(ttlMs), options)),
    }),
    ...(capabilities.fences && {
      nextFence: (above, options) => weak.taking(options, "write", () => inner.nextFence!(above, options)),
    }),
  } satisfies Partial<StoreDriver>;
}

function writeOrFail(weak: Weakness, op: WriteOp): WriteOp | StoreError {
  try {
    return weak.write(op);
  } catch (error) {
    return StoreError.from(error, { operation: "write", key: op.key });
  }
}

type Changes = readonly Change[] | Resync;

/** No generator, since one that waits for a change can't be ended. */
function watched(stream: AsyncIterable<Changes>, weak: Weakness): AsyncIterable<Changes> {
  return {
    [Symbol.asyncIterator]() {
      const items = stream[Symbol.asyncIterator]();
      return {
        async next() {
          const step = await items.next();
          if (step.done === true || "type" in step.value) return step;
          const seen = step.value.map((c) => (c.type === "put" ? { ...c, entry: weak.entry(c.entry) } : c));
          return { done: false, value: seen };
        },
        async return() {
          await items.return?.();
          return { done: true, value: undefined };
        },
      };
    },
  };
}

/** Each list goes from the weakest to the strongest. */
const STRENGTHS: { readonly [Name in keyof Capabilities]?: readonly Capabilities[Name][] } = {
  clock: ["observer", "server-age", "server-ttl"],
  commit: ["none", "snapshot", "serializable"],
  watch: ["none", "best-effort", "resumable"],
  conditionalDelete: [false, true],
  getMany: [false, true],
  write: [false, true],
  session: [false, true],
  fences: [false, true],
};

function refuseStronger(has: Capabilities, claims: Capabilities): void {
  for (const [name, order] of Object.entries(STRENGTHS)) {
    const strength = (capabilities: Capabilities): number =>
      (order as readonly unknown[]).indexOf(capabilities[name as keyof Capabilities]);
    if (strength(claims) <= strength(has)) continue;
    throw new StoreError("INVALID_ARGUMENT", `${name}: the driver beneath does not have what is claimed`);
  }
}
