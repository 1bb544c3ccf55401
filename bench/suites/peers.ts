import { createStore } from "@orbit/persistence";
import type { StoreDriver, Version } from "@orbit/persistence/driver";

import { GuardedPeer, type PlainStore } from "../lib/guarded-peer.ts";
import type { Contestant } from "../lib/measure.ts";
import { shuffled } from "../lib/shuffled.ts";

export const PEER_KEYS = 10_000;
const VALUE = Buffer.alloc(100, 1);
const keys: readonly string[] = shuffled(Array.from({ length: PEER_KEYS }, (_, index) => `account-${index}`));

/** The two kinds of work that are compared. */
export interface Entrant {
  readonly write: Contestant;
  readonly read: Contestant;
}

/** A Store, whose provider writes conditionally by itself. */
export async function ours(name: string, driver: StoreDriver): Promise<Entrant & AsyncDisposable> {
  const store = await createStore(driver);
  const versions: Version[] = [];
  const put = async (index: number): Promise<void> => {
    const at = index % PEER_KEYS;
    const version = versions[at];
    const answer = await store.put(keys[at] ?? "", VALUE, version === undefined ? "absent" : { version });
    if (!answer.ok) throw new Error(`${name} refused a write`);
    versions[at] = answer.version;
  };
  await fill(put);
  return {
    write: { name, operation: put, accept: () => true },
    read: { name, operation: (index) => store.get(keys[index % PEER_KEYS] ?? "") },
    [Symbol.asyncDispose]: () => store.close(),
  };
}

/** A store without conditions, read, compared and overwritten under a lock of the key. */
export async function peer(name: string, plain: PlainStore): Promise<Entrant> {
  const store = new GuardedPeer(plain);
  const versions = new Float64Array(PEER_KEYS);
  const put = async (index: number): Promise<void> => {
    const at = index % PEER_KEYS;
    const version = await store.put(keys[at] ?? "", VALUE, versions[at] ?? 0);
    if (version === undefined) throw new Error(`${name} refused a write`);
    versions[at] = version;
  };
  await fill(put);
  return {
    write: { name, operation: put, accept: () => true },
    read: { name, operation: (index) => store.get(keys[index % PEER_KEYS] ?? "") },
  };
}

/** Many at once: where each write is flushed, one after the other would take minutes. */
async function fill(put: (index: number) => Promise<void>): Promise<void> {
  await Promise.all(keys.map((_, index) => put(index)));
}
