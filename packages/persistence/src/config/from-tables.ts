import type { Provider } from "../contract/provider.ts";
import { printable } from "./define.ts";
import { type Defaults, type Draft, type DraftProvider, type Head, headSchema, NO_HEAD, type Table } from "./draft.ts";
import { describe } from "./faults.ts";
import { isTable } from "./fields.ts";
import { fromUrl } from "./from-url.ts";
import type { Fault } from "./schema.ts";

/** A configuration as code writes it. */
export interface ConfigObject {
  readonly defaults?: Defaults;
  /** Keeps applications that share a backend apart. */
  readonly namespace?: string;
  /** Accepts stores on which a failover can undo a grant. */
  readonly allowWeak?: boolean;
  readonly providers: Readonly<Record<string, ConfigProvider>>;
}

/** One provider as code writes it: named by exactly one of `provider`, `type` and `url`. */
export interface ConfigProvider {
  readonly provider?: Provider;
  readonly type?: string;
  readonly url?: string;
  /** The package that brings it, where it is not found by itself. */
  readonly package?: string;
  /** Not beside `url`, which carries its own. */
  readonly options?: object;
}

/** Reads a document in a file's names: `type` and `package` stand among the options of each provider. */
export function draftFromTable(document: Table): Draft {
  return draft(document, "file", fileProvider);
}

/** Reads a document in the code's names. */
export function draftFromObject(document: Table): Draft {
  return draft(document, "code", codeProvider);
}

type ReadProvider = (entry: Table, path: string) => DraftProvider | Fault;

function draft(document: Table, source: "code" | "file", readProvider: ReadProvider): Draft {
  const parsed = headSchema.parse(document, source, "");
  const faults: Fault[] = parsed.ok ? [] : [...parsed.faults];
  const head: Head = parsed.ok ? parsed.options : NO_HEAD;
  const providers = new Map<string, DraftProvider>();
  // The providers are read also where the head has faults, so that all are named at once.
  const entries = Object.hasOwn(document, "providers") ? document["providers"] : undefined;
  for (const [name, entry] of Object.entries(isTable(entries) ? entries : {})) {
    const path = `providers.${printable(name)}`;
    const read: DraftProvider | Fault = isTable(entry)
      ? readProvider(entry, path)
      : { path, reason: `expected a table with a type and options, found ${describe(entry, true)}` };
    if ("reason" in read) faults.push(read);
    else providers.set(name, read);
  }
  return { source, head, providers, faults };
}

/** Reads `{type = "…", package = "…", …options}`. */
export function fileProvider(entry: Table, path: string): DraftProvider | Fault {
  const { type, package: from, ...raw } = entry;
  if (typeof type !== "string" || type === "") {
    return {
      path: `${path}.type`,
      reason: `expected the type of a provider, such as "Memory", found ${describe(type, false)}`,
    };
  }
  if (from !== undefined && typeof from !== "string") return notAPackage(path, from);
  const wanted = from === undefined ? { type } : { type, package: from };
  return { wanted, path: `${path}.type`, source: "file", prefix: `${path}.`, options: () => ({ raw }) };
}

/** Reads a {@link ConfigProvider}. */
export function codeProvider(entry: Table, path: string): DraftProvider | Fault {
  const { provider, type, url, package: from, options = {}, ...others } = entry;
  const unknown = Object.keys(others)[0];
  if (unknown !== undefined) {
    const reason =
      "unknown: expected provider, type, url, package or options; a provider's own options stand in options";
    return { path: `${path}.${printable(unknown)}`, reason };
  }
  if ([provider, type, url].filter((way) => way !== undefined).length !== 1) {
    return { path, reason: "expected exactly one of provider, type and url" };
  }
  if (from !== undefined && typeof from !== "string") return notAPackage(path, from);
  const extra = from === undefined ? {} : { package: from };
  if (url !== undefined) {
    if (entry["options"] !== undefined)
      return { path: `${path}.options`, reason: "not beside url, which carries its own" };
    return fromUrl(url, `${path}.url`, extra);
  }
  if (!isTable(options))
    return { path: `${path}.options`, reason: `expected an object, found ${describe(options, true)}` };
  const place = { source: "code", prefix: `${path}.options.`, options: () => ({ raw: options }) } as const;
  if (typeof type === "string") return { wanted: { type, ...extra }, path: `${path}.type`, ...place };
  if (!isProvider(provider)) {
    const named = type === undefined ? "provider" : "type";
    const reason = `expected ${named === "type" ? "the type of a provider" : "a Provider"}, found ${describe(type ?? provider, false)}`;
    return { path: `${path}.${named}`, reason };
  }
  return { wanted: { provider }, path: `${path}.provider`, ...place };
}

function notAPackage(path: string, found: unknown): Fault {
  return { path: `${path}.package`, reason: `expected the name of a package, found ${describe(found, false)}` };
}

/** Tells what a plugin exports as `provider` from anything else, whatever contract version it speaks. */
export function isProvider(value: unknown): value is Provider {
  if (!isTable(value)) return false;
  const { name, contract, types, schemes, options, create } = value;
  return (
    typeof name === "string" &&
    typeof contract === "number" &&
    Array.isArray(types) &&
    Array.isArray(schemes) &&
    isTable(options) &&
    typeof options["parse"] === "function" &&
    typeof create === "function"
  );
}
