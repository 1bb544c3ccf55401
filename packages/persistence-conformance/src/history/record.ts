import { StoreError, type Version } from "@orbit/persistence";

import { must } from "../assert.ts";
import { all, type Bench, type Keyed, range, turn } from "../bench.ts";
import type { History } from "./explain.ts";
import type { Condition, Operation, State } from "./operation.ts";

const CLIENTS = 4;
const KEYS = 2;

/** Lets clients of two instances read, write and delete at random, and writes down what each asked and was told. */
export async function recordHistory(bench: Bench, name: string): Promise<History> {
  const instances = [await bench.keyed(), await bench.keyed()];
  const keys = range(KEYS).map((index) => bench.key(`${name}-${index}`));
  const history = new Map<string, Operation[]>(keys.map((key) => [key, []]));
  const deletes = bench.level === "store" || bench.capabilities.conditionalDelete;
  let events = 0;
  const tick = (): number => (events += 1);
  await all(range(CLIENTS), async (client) => {
    const kv = instances[client % instances.length];
    must(kv !== undefined, "there are two instances", "an instance", kv);
    const scribe = new Scribe(bench, kv, client, tick, deletes);
    for (let step = 0; step < bench.rounds(60, 20); step += 1) {
      const key = keys[Math.floor(bench.random.number() * keys.length)] ?? "";
      const operation = await scribe.step(key);
      if (operation !== undefined) history.get(key)?.push(operation);
      if (bench.random.number() < 0.3) await turn();
    }
  });
  return history;
}

/** One client: it knows the versions that it was told, and of each what the key held then. */
class Scribe {
  readonly #bench: Bench;
  readonly #kv: Keyed;
  readonly #client: number;
  readonly #tick: () => number;
  readonly #deletes: boolean;
  readonly #seen = new Map<string, { readonly version: Version; readonly state: State }>();
  #writes = 0;

  constructor(bench: Bench, kv: Keyed, client: number, tick: () => number, deletes: boolean) {
    this.#bench = bench;
    this.#kv = kv;
    this.#client = client;
    this.#tick = tick;
    this.#deletes = deletes;
  }

  async step(key: string): Promise<Operation | undefined> {
    const dice = this.#bench.random.number();
    const seen = this.#seen.get(key);
    if (dice < 0.35) return this.#get(key);
    if (dice < 0.45) return this.#put(key, "always");
    if (dice < 0.6 || seen === undefined) return this.#put(key, "absent");
    if (dice < 0.88 || !this.#deletes) return this.#put(key, seen);
    return this.#delete(key, seen);
  }

  async #get(key: string): Promise<Operation> {
    const called = this.#tick();
    const entry = await this.#kv.get(key);
    const found = this.#bench.text(entry);
    if (entry !== undefined) this.#seen.set(key, { version: entry.version, state: found });
    return { client: this.#client, called, answered: this.#tick(), act: { type: "get", found } };
  }

  #put(key: string, under: "always" | "absent" | { version: Version; state: State }): Promise<Operation | undefined> {
    const leaves = `${this.#client}.${(this.#writes += 1)}`;
    const value = this.#bench.value(leaves);
    const when: Condition = typeof under === "string" ? under : { holds: under.state };
    return this.#write("put", key, when, leaves, async () => {
      const answer = await this.#kv.put(key, value, typeof under === "string" ? under : { version: under.version });
      if (answer.ok) this.#seen.set(key, { version: answer.version, state: leaves });
      return answer;
    });
  }

  #delete(key: string, under: { version: Version; state: State }): Promise<Operation | undefined> {
    return this.#write("delete", key, { holds: under.state }, undefined, () =>
      this.#kv.delete(key, { version: under.version }),
    );
  }

  async #write(
    type: "put" | "delete",
    key: string,
    when: Condition,
    leaves: State,
    send: () => ReturnType<Keyed["put"]> | ReturnType<Keyed["delete"]>,
  ): Promise<Operation | undefined> {
    const called = this.#tick();
    const client = this.#client;
    try {
      const answer = await send();
      if (answer.ok)
        return { client, called, answered: this.#tick(), act: { type, when, leaves, answer: { ok: true } } };
      const { current } = answer;
      const held = this.#bench.text(current);
      if (current !== undefined) this.#seen.set(key, { version: current.version, state: held });
      const told = { ok: false, current: held } as const;
      return { client, called, answered: this.#tick(), act: { type, when, leaves, answer: told } };
    } catch (error) {
      if (!StoreError.is(error) || !(error.retryable || error.outcome === "unknown")) throw error;
      if (error.outcome === "none") return undefined;
      return { client, called, answered: Infinity, act: { type, when, leaves, answer: "unknown" } };
    }
  }
}
