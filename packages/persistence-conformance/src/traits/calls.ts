import type { CallOptions, Store } from "@orbit/persistence";

type Call = (options: CallOptions) => Promise<unknown>;

const value = Buffer.from("trait");

/** Every call of a store that the driver's capabilities allow, by name: what holds for one must hold for all. */
export function callsOf(store: Store): readonly (readonly [string, Call])[] {
  const { commit, watch, session } = store.capabilities;
  const put = { type: "put", key: "trait", value, when: "always" } as const;
  const calls: [string, Call][] = [
    ["get", (options) => store.get("trait", options)],
    ["getMany", (options) => store.getMany(["trait", "other"], options)],
    ["put", (options) => store.put("trait", value, "always", options)],
    ["put absent", (options) => store.put("trait", value, "absent", options)],
    ["delete", (options) => store.delete("trait", "always", options)],
    ["scan", (options) => store.scan({ prefix: "" }, options)[Symbol.asyncIterator]().next()],
    ["write", (options) => firstFailure(store, put, options)],
    ["health", (options) => store.health(options)],
  ];
  if (commit !== "none") calls.push(["commit", (options) => store.commit([], [put], options)]);
  if (watch !== "none") {
    calls.push(["watch", (options) => store.watch({ prefix: "" }, options)[Symbol.asyncIterator]().next()]);
  }
  if (session) calls.push(["session", (options) => store.session(60_000, options)]);
  return calls;
}

/** A bulk write may reject as a whole or answer with an error an operation. */
async function firstFailure(
  store: Store,
  op: Parameters<Store["write"]>[0][number],
  options: CallOptions,
): Promise<unknown> {
  const [answer] = await store.write([op], options);
  if (answer instanceof Error) throw answer;
  return answer;
}
