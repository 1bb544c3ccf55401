/** What a key holds: the name of the write that put it there, or nothing. */
export type State = string | undefined;

/** A condition, in the names of writes instead of versions. */
export type Condition = "always" | "absent" | { readonly holds: State };

/** One call of one client, with what it was told. */
export interface Operation {
  readonly client: number;
  /** Places in the order of events: the call lies between them. `Infinity`: it was never answered for certain. */
  readonly called: number;
  readonly answered: number;
  readonly act:
    | { readonly type: "get"; readonly found: State }
    | {
        readonly type: "put" | "delete";
        readonly when: Condition;
        /** What the key holds once it is applied. */
        readonly leaves: State;
        readonly answer: { readonly ok: true } | { readonly ok: false; readonly current: State } | "unknown";
      };
}

/** What the operation leaves when it takes effect on `state`; `impossible` where its answer could not have been given. */
export function apply({ act }: Operation, state: State): { readonly next: State } | "impossible" {
  if (act.type === "get") return act.found === state ? { next: state } : "impossible";
  const met = act.when === "always" || (act.when === "absent" ? state === undefined : act.when.holds === state);
  if (act.answer === "unknown") return { next: met ? act.leaves : state };
  if (act.answer.ok) return met ? { next: act.leaves } : "impossible";
  return !met && act.answer.current === state ? { next: state } : "impossible";
}

/** Names the writes that an operation speaks of, beside its own. */
export function mentions({ act }: Operation): readonly State[] {
  if (act.type === "get") return [act.found];
  const condition = typeof act.when === "object" ? [act.when.holds] : [];
  return act.answer === "unknown" || act.answer.ok ? condition : [...condition, act.answer.current];
}

export function describe({ client, called, answered, act }: Operation): string {
  const span = `client ${client}, events ${called} to ${answered === Infinity ? "?" : answered}`;
  if (act.type === "get") return `${span}: get -> ${act.found ?? "nothing"}`;
  const when = typeof act.when === "string" ? act.when : `it holds ${act.when.holds ?? "nothing"}`;
  const what = act.type === "put" ? `put ${act.leaves}` : "delete";
  return `${span}: ${what} when ${when} -> ${describeAnswer(act.answer)}`;
}

function describeAnswer(answer: Exclude<Operation["act"], { type: "get" }>["answer"]): string {
  if (answer === "unknown") return "no certain answer";
  return answer.ok ? "ok" : `conflict with ${answer.current ?? "nothing"}`;
}
