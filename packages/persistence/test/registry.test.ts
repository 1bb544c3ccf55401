import { describe, expect, test } from "vitest";

import { defineOptions, integer, type Provider, type StoreDriver } from "../src/driver.ts";
import { createStore, openRegistry, type ProviderRegistry, type RegistryOptions, stringKey } from "../src/index.ts";
import { manualClock, mapCapabilities, type MapData, mapData, mapDriver } from "../src/testing/index.ts";
import { thrownBy } from "./config-sample.ts";

interface Log {
  readonly events: string[];
  /** Thrown by the next opening, or by every closing, of the store with this number. */
  readonly failOpen: Set<number>;
  readonly failClose: Set<number>;
}

function log(): Log {
  return { events: [], failOpen: new Set(), failClose: new Set() };
}

/** A provider whose driver tells when it is opened and closed. Its option tells the stores apart. */
function loud({ events, failOpen, failClose }: Log, weak = false): Provider<{ readonly number: number }> {
  const data = new Map<number, MapData>();
  return {
    name: "loud",
    contract: 1,
    types: ["Loud"],
    schemes: ["loud"],
    options: defineOptions({ number: integer({ key: "number", doc: "Which.", default: 0 }) }),
    create: ({ number }): StoreDriver => {
      const own = data.get(number) ?? mapData();
      data.set(number, own);
      const inner = mapDriver({ data: own });
      return {
        ...inner,
        name: "loud",
        capabilities: weak ? { ...mapCapabilities, durability: "none" } : mapCapabilities,
        open: async (options) => {
          events.push(`open ${number}`);
          if (failOpen.delete(number)) throw new TypeError(`can't open ${number}`);
          await inner.open(options);
        },
        close: async () => {
          await inner.close();
          events.push(`close ${number}`);
          if (failClose.has(number)) throw new TypeError(`can't close ${number}`);
        },
      };
    },
  };
}

const TOML = `
  [defaults]
  addressable = "a"
  cluster = "b"
  [providers.a]
  type = "Loud"
  number = 1
  [providers.b]
  type = "Loud"
  number = 2
  [providers.c]
  type = "Loud"
  number = 3`;

function open(told: Log, toml: string = TOML, options: RegistryOptions = {}): Promise<ProviderRegistry> {
  return openRegistry({ toml }, { providers: [loud(told)], ...options });
}

describe("a store", () => {
  test("is opened when first asked for, once", async () => {
    const told = log();
    await using registry = await open(told);
    expect(registry.names()).toEqual(["a", "b", "c"]);
    expect(told.events).toEqual([]);
    const [one, two] = await Promise.all([registry.store("a"), registry.store("a")]);
    expect(one).toBe(two);
    expect(await registry.store("a")).toBe(one);
    expect(told.events).toEqual(["open 1"]);
  });

  test("whose opening failed is opened anew by the next call", async () => {
    const told = log();
    await using registry = await open(told);
    told.failOpen.add(1);
    const failures = await Promise.allSettled([registry.store("a"), registry.store("a")]);
    expect(failures.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    await registry.store("a");
    expect(told.events).toEqual(["open 1", "close 1", "open 1"]);
  });

  test("whose driver can't even be made says so, each time", async () => {
    const broken: Provider = {
      ...loud(log()),
      create() {
        throw new TypeError("no such thing");
      },
    };
    await using registry = await openRegistry({ url: "loud:" }, { providers: [broken] });
    for (let attempt = 0; attempt < 2; attempt++) {
      expect((await thrownBy(() => registry.store("loud"))).code).toBe("INTERNAL");
    }
  });

  test("that is not there is a fault with the nearest name", async () => {
    await using registry = await open(log(), '[providers.directory]\ntype = "Loud"');
    const error = await thrownBy(() => registry.store("directroy"));
    expect(error.code).toBe("INVALID_ARGUMENT");
    expect(error.message).toContain('there is no store "directroy": did you mean directory?');
    await thrownBy(() => registry.store("__proto__"));
  });

  test("is waited for no longer than the caller wants, and opens all the same", async () => {
    const told = log();
    const clock = manualClock();
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const provider = loud(told);
    const slow: Provider<{ readonly number: number }> = {
      ...provider,
      create: (options) => {
        const inner = provider.create(options);
        return { ...inner, open: (call) => promise.then(() => inner.open(call)) };
      },
    };
    await using registry = await openRegistry({ url: "loud:" }, { providers: [slow], clock });
    expect((await thrownBy(() => registry.store("loud", { signal: AbortSignal.abort() }))).code).toBe("ABORTED");
    const late = thrownBy(() => registry.store("loud", { deadline: clock.now() + 10 }));
    await clock.advance(10);
    expect((await late).code).toBe("TIMEOUT");
    resolve(undefined);
    expect((await registry.store("loud")).provider).toBe("loud");
    expect(told.events).toEqual(["open 0"]);
  });

  test("lives in the namespace of the configuration, behind layers of its own", async () => {
    const asked: string[] = [];
    const layers = (name: string): [] => {
      asked.push(name);
      return [];
    };
    await using registry = await open(log(), `namespace = "shop"\n${TOML}`, { layers });
    expect((await registry.store("a")).namespace).toBe("shop");
    await registry.store("c");
    expect(asked).toEqual(["a", "c"]);
  });
});

describe("register", () => {
  test("adds a store under a name that is free", async () => {
    await using registry = await open(log());
    const store = await createStore(mapDriver());
    registry.register("mine", store);
    expect(await registry.store("mine")).toBe(store);
    expect(registry.names()).toEqual(["a", "b", "c", "mine"]);
    for (const name of ["mine", "a"]) {
      expect((await thrownBy(() => registry.register(name, store))).code).toBe("INVALID_ARGUMENT");
    }
  });
});

describe("directory and membership", () => {
  test("stand on the two defaults, and make a hybrid", async () => {
    const told = log();
    await using registry = await open(told);
    const cluster = await registry.membership();
    expect(told.events).toEqual(["open 2"]);
    const directory = await registry.directory();
    expect(told.events).toEqual(["open 2", "open 1"]);
    await using session = await cluster.join({ id: "n1" }, { heartbeat: false });
    const acquired = await directory.acquire({ type: "cart", key: stringKey("1") }, session);
    expect(acquired.ok).toBe(true);
    const lease = await directory.lookup({ type: "cart", key: stringKey("1") });
    expect(lease).toMatchObject({ node: { key: "n1" } });
    // The lease lies on the one store and the node on the other.
    const elsewhere = await registry.membership("a");
    expect(await elsewhere.nodes()).toEqual([]);
    expect(await cluster.nodes()).toMatchObject([{ id: "n1" }]);
  });

  test("are one each for a store and a namespace", async () => {
    await using registry = await open(log());
    expect(await registry.membership()).toBe(await registry.membership("b"));
    expect(await registry.directory()).toBe(await registry.directory("a"));
    const other = await registry.membership("b", { namespace: "other" });
    expect(other).not.toBe(await registry.membership("b"));
    expect(other.namespace).toBe("other");
    expect((await registry.directory("a", { namespace: "other" })).namespace).toBe("other");
  });

  test("without a default, need a name", async () => {
    await using registry = await open(log(), TOML.replace(/\[defaults\][^[]*/, ""));
    const error = await thrownBy(() => registry.directory());
    expect(error.code).toBe("INVALID_ARGUMENT");
    expect(error.message).toContain('no default is set: name a store of "a", "b", "c", or set defaults.addressable');
    expect((await registry.directory("c")).namespace).toBe("default");
  });

  test("refuse a store on which a failover can undo a grant, unless allowed", async () => {
    const providers = [loud(log(), true)];
    await using strict = await openRegistry({ url: "loud:" }, { providers });
    expect((await thrownBy(() => strict.directory())).code).toBe("UNSUPPORTED");
    expect((await thrownBy(() => strict.membership())).code).toBe("UNSUPPORTED");
    await using lax = await openRegistry({ toml: 'allow_weak = true\n[providers.a]\ntype = "Loud"' }, { providers });
    expect((await lax.directory()).namespace).toBe("default");
  });
});

describe("health", () => {
  test("covers every store, and tells why one can't be opened", async () => {
    const told = log();
    await using registry = await open(told);
    registry.register("mine", await createStore(mapDriver()));
    told.failOpen.add(2);
    const health = await registry.health();
    expect([...health].map(([name, { status }]) => [name, status])).toEqual([
      ["a", "healthy"],
      ["b", "unhealthy"],
      ["c", "healthy"],
      ["mine", "healthy"],
    ]);
    expect(health.get("b")?.cause).toContain("[INTERNAL] loud open");
    expect((await registry.health()).get("b")?.status).toBe("healthy");
  });
});

describe("close", () => {
  test("closes what was opened, registered stores first, and nothing is opened afterwards", async () => {
    const told = log();
    const registry = await open(told);
    await registry.store("a");
    const opening = registry.store("b");
    registry.register("mine", await createStore({ ...loud(told).create({ number: 9 }) }));
    await Promise.all([registry.close(), registry.close()]);
    await opening;
    expect(told.events.slice(0, 3).toSorted()).toEqual(["open 1", "open 2", "open 9"]);
    expect(told.events[3]).toBe("close 9");
    expect(told.events.slice(4).toSorted()).toEqual(["close 1", "close 2"]);
    for (const work of [
      () => registry.store("a"),
      () => registry.store("c"),
      () => registry.health(),
      () => registry.directory(),
    ]) {
      expect((await thrownBy(work)).code).toBe("CLOSED");
    }
    const late = await createStore(mapDriver());
    expect((await thrownBy(() => registry.register("late", late))).code).toBe("CLOSED");
    await late.close();
    expect(told.events).toHaveLength(6);
  });

  test("tries all, and throws every failure in one error", async () => {
    const told = log();
    const registry = await open(told);
    for (const name of registry.names()) await registry.store(name);
    told.failClose.add(1).add(3);
    const error: unknown = await registry.close().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(AggregateError);
    const reasons = error instanceof AggregateError ? error.errors.map(({ cause }: Error) => String(cause)) : [];
    expect(reasons.toSorted()).toEqual(["TypeError: can't close 1", "TypeError: can't close 3"]);
    expect(told.events).toContain("close 2");
    await expect(registry.close()).rejects.toBe(error);
  });

  test("of a registry whose only opening failed has nothing to do", async () => {
    const told = log();
    const registry = await open(told);
    told.failOpen.add(1);
    const opening = registry.store("a");
    await registry.close();
    await expect(opening).rejects.toThrow("[INTERNAL]");
  });
});
