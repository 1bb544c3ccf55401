import type { Provider } from "../contract/provider.ts";
import type { Discovery } from "./discover.ts";
import type { DraftProvider, Table } from "./draft.ts";
import { describe } from "./faults.ts";
import { isTable, isText, type NestedProvider } from "./fields.ts";
import { codeProvider, fileProvider } from "./from-tables.ts";
import type { Fault, FieldInfo } from "./schema.ts";

const MAX_NESTED = 8;

type Resolved = NestedProvider | readonly Fault[];

/** Finds the provider of a draft and reads its options, and those of the providers within them. */
export async function resolveProvider(draft: DraftProvider, discovery: Discovery, depth = 0): Promise<Resolved> {
  const provider = await discovery.find(draft);
  if ("reason" in provider) return [provider];
  const { raw, faults = [] } = draft.options(provider);
  const nested = await resolveNested(draft, provider, raw, discovery, depth);
  const parsed = provider.options.parse(nested.raw, draft.source, draft.prefix);
  if (parsed.ok && faults.length === 0 && nested.faults.length === 0) {
    return Object.freeze({ provider, options: parsed.options });
  }
  // What is wrong with a provider within has been said: that it is not there is no second fault.
  const own = parsed.ok ? [] : parsed.faults.filter(({ path }) => !nested.failed.has(path));
  return [...faults, ...nested.faults, ...own];
}

interface Nested {
  readonly raw: Table;
  readonly faults: readonly Fault[];
  readonly failed: ReadonlySet<string>;
}

async function resolveNested(
  draft: DraftProvider,
  provider: Provider,
  raw: Table,
  discovery: Discovery,
  depth: number,
): Promise<Nested> {
  const entries = new Map(Object.entries(raw));
  const faults: Fault[] = [];
  const failed = new Set<string>();
  for (const field of provider.options.fields.filter((info) => info.provider === true)) {
    const key = draft.source === "code" ? field.name : field.key;
    const path = draft.prefix + (draft.source === "env" ? key.toUpperCase() : key);
    const inner = nestedDraft(draft, field, entries, path);
    if (inner === undefined) continue;
    const found = await resolveInner(inner, path, discovery, depth);
    if ("provider" in found) {
      entries.set(key, found);
    } else {
      entries.delete(key);
      faults.push(...found);
      failed.add(path);
    }
  }
  return { raw: Object.fromEntries(entries), faults, failed };
}

async function resolveInner(
  inner: DraftProvider | Fault,
  path: string,
  discovery: Discovery,
  depth: number,
): Promise<Resolved> {
  if ("reason" in inner) return [inner];
  if (depth >= MAX_NESTED) return [{ path, reason: `providers within providers more than ${MAX_NESTED} deep` }];
  return resolveProvider(inner, discovery, depth + 1);
}

/** Takes the options of a provider within out of those around it; `undefined` where there are none. */
function nestedDraft(
  { source, prefix }: DraftProvider,
  { name, key }: FieldInfo,
  entries: Map<string, unknown>,
  path: string,
): DraftProvider | Fault | undefined {
  if (!isText(source)) {
    const entry = entries.get(source === "code" ? name : key);
    if (entry === undefined) return undefined;
    if (!isTable(entry)) return { path, reason: `expected a provider, found ${describe(entry, true)}` };
    return source === "code" ? codeProvider(entry, path) : fileProvider(entry, path);
  }
  const start = `${key}_`;
  const own = new Map<string, unknown>();
  for (const [flat, value] of entries) {
    if (!flat.startsWith(start)) continue;
    own.set(flat.slice(start.length), value);
    entries.delete(flat);
  }
  if (own.size === 0) return undefined;
  const { type, package: from, ...raw } = Object.fromEntries(own);
  const shown = source === "env" ? start.toUpperCase() : start;
  const typePath = `${prefix}${shown}${source === "env" ? "TYPE" : "type"}`;
  if (typeof type !== "string") return { path: typePath, reason: "missing: expected the type of a provider" };
  const wanted = typeof from === "string" ? { type, package: from } : { type };
  return { wanted, path: typePath, source, prefix: prefix + shown, options: () => ({ raw }) };
}
