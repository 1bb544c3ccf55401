import type { CallOptions } from "../contract/driver.ts";
import type { Entry } from "../contract/entry.ts";
import type { Store } from "../contract/store.ts";
import { recordsOf } from "../store/internals.ts";
import { Keyspace } from "../store/keyspace.ts";

/** Sorts after every legal character of a driver key. */
const PAST_ALL = "\x7f";

/** Lists the namespaces that have node or lease records in a store, skipping from one to the next. */
export async function namespacesOf(store: Store, options?: CallOptions): Promise<readonly string[]> {
  const records = recordsOf(store);
  const found = new Set<string>();
  for (const kind of ["node", "lease"]) {
    const keys = new Keyspace(store.namespace, kind, records.capabilities.limits.maxKeyBytes);
    const { prefix } = keys.range([""]);
    for (let after: string | undefined; ;) {
      const range = { prefix, limit: 1, ...(after === undefined ? {} : { after }) };
      const first = await firstOf(records.scan(range, options));
      if (first === undefined) break;
      const [namespace = ""] = keys.decode(records.read(first, "scan"));
      found.add(namespace);
      after = keys.range([namespace, ""]).prefix + PAST_ALL;
    }
  }
  return [...found].toSorted();
}

async function firstOf(pages: AsyncIterable<readonly Entry[]>): Promise<Entry | undefined> {
  for await (const [entry] of pages) if (entry !== undefined) return entry;
  return undefined;
}
