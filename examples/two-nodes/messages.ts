/** What a node tells the process that started it. */
export type Message =
  | { readonly type: "joined"; readonly ttlMs: number }
  | { readonly type: "granted"; readonly actor: string; readonly fence: string }
  | { readonly type: "refused"; readonly actor: string; readonly holder: string; readonly fence: string };

export const ACTORS: readonly string[] = ["alice", "bob", "carol", "dave", "erin", "frank"];
