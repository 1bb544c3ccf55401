import type { Capabilities, Cursor, Resync } from "@orbit/persistence";

import { must, rejects } from "../assert.ts";
import type { Bench } from "../bench.ts";

/** Capabilities on which laws depend. */
export type Need =
  | "commit"
  | "partitions"
  | "ttl"
  | "ages"
  | "conditionalDelete"
  | "getMany"
  | "write"
  | "watch"
  | "resumable"
  | "session"
  | "fences";

interface Trait {
  readonly declared: (capabilities: Capabilities) => boolean;
  /** Proves that the undeclared capability is refused and not half there. */
  readonly refused: (bench: Bench) => Promise<void>;
}

const value = Buffer.from("refused");

export const NEEDS: Readonly<Record<Need, Trait>> = {
  commit: {
    declared: ({ commit }) => commit !== "none",
    async refused(bench) {
      must((await bench.driver()).commit === undefined, "commit is undeclared", "no method commit", "one");
      const store = await bench.store();
      const op = { type: "put", key: "a", value, when: "always" } as const;
      await rejects(() => store.commit([], [op]), "UNSUPPORTED", "without commit, Store.commit is refused");
      await rejects(() => store.begin(), "UNSUPPORTED", "without commit, Store.begin is refused");
      const transaction = (): Promise<void> =>
        store.transaction(async (tx) => {
          tx.put("a", value);
        });
      await rejects(transaction, "UNSUPPORTED", "without commit, Store.transaction is refused");
      must((await store.get("a")) === undefined, "a refused transaction writes nothing", "no entry", "one");
    },
  },
  partitions: {
    declared: ({ partitions }) => partitions > 1,
    async refused(bench) {
      if (bench.capabilities.commit === "none") return;
      const store = await bench.store();
      const ops = ["{x}a", "{y}a"].map((key) => ({ type: "put", key, value, when: "absent" }) as const);
      const answer = await store.commit([], ops);
      must(answer.ok, "where keys are not spread over partitions, any keys commit together", "ok", answer);
    },
  },
  ttl: {
    declared: ({ clock }) => clock === "server-ttl",
    async refused(bench) {
      const store = await bench.store();
      const put = (): Promise<unknown> => store.put("a", value, "always", { ttlMs: 60_000 });
      await rejects(put, "UNSUPPORTED", "without the clock rule server-ttl, a ttl is refused");
      must((await store.get("a")) === undefined, "a refused ttl writes nothing", "no entry", "one");
    },
  },
  ages: {
    declared: ({ clock }) => clock === "server-age",
    async refused(bench) {
      if (bench.capabilities.clock !== "observer") return;
      const store = await bench.store();
      await store.put("a", value, "always");
      const found = (await store.get("a"))?.ageMs;
      must(found === undefined, "under the clock rule observer an entry has no age", "no ageMs", found);
    },
  },
  conditionalDelete: {
    declared: ({ conditionalDelete }) => conditionalDelete,
    async refused(bench) {
      const store = await bench.store();
      const first = await store.put("a", value, "absent");
      must(first.ok, "a create of a new key wins", "ok", first);
      await store.put("a", value, { version: first.version });
      const stale = await store.delete("a", { version: first.version });
      must(!stale.ok, "where the backend lets stale deletes through, the store refuses them", "a conflict", stale);
      must((await store.get("a")) !== undefined, "a refused delete leaves the entry", "the entry", undefined);
    },
  },
  getMany: {
    declared: ({ getMany }) => getMany,
    async refused(bench) {
      must((await bench.driver()).getMany === undefined, "getMany is undeclared", "no method getMany", "one");
    },
  },
  write: {
    declared: ({ write }) => write,
    async refused(bench) {
      must((await bench.driver()).write === undefined, "write is undeclared", "no method write", "one");
    },
  },
  watch: { declared: ({ watch }) => watch !== "none", refused: refuseWatch },
  resumable: {
    declared: ({ watch }) => watch === "resumable",
    async refused(bench) {
      if (bench.capabilities.watch === "none") return refuseWatch(bench);
      const store = await bench.store();
      const first = async (from?: Cursor): Promise<Resync> => {
        const stream = store.watch({ prefix: "", ...(from !== undefined && { from }) })[Symbol.asyncIterator]();
        const item: unknown = (await stream.next()).value;
        await stream.return?.();
        const anew = typeof item === "object" && item !== null && "type" in item && item.type === "resync";
        must(anew, "a stream that can't resume starts with a resync, also after a cursor", "a resync", item);
        return item as Resync;
      };
      const { cursor } = await first();
      await store.put("a", value, "always");
      await first(cursor);
    },
  },
  session: {
    declared: ({ session }) => session,
    async refused(bench) {
      must((await bench.driver()).session === undefined, "session is undeclared", "no method session", "one");
      const store = await bench.store();
      await rejects(() => store.session(1_000), "UNSUPPORTED", "without session, Store.session is refused");
      const session = { id: "s", ttlMs: 1_000, keepAlive: async () => undefined, revoke: async () => undefined };
      const put = (): Promise<unknown> => store.put("a", value, "always", { session });
      await rejects(put, "UNSUPPORTED", "without session, a put in a session is refused");
    },
  },
  fences: {
    declared: ({ fences }) => fences,
    async refused(bench) {
      must((await bench.driver()).nextFence === undefined, "fences is undeclared", "no method nextFence", "one");
    },
  },
};

async function refuseWatch(bench: Bench): Promise<void> {
  must((await bench.driver()).watch === undefined, "watch is undeclared", "no method watch", "one");
  const store = await bench.store();
  const next = (): Promise<unknown> => store.watch({ prefix: "" })[Symbol.asyncIterator]().next();
  await rejects(next, "UNSUPPORTED", "without watch, Store.watch is refused");
}
