import { StoreError } from "../contract/error.ts";
import type { Provider } from "../contract/provider.ts";
import { type Files, systemFiles } from "../runtime/files.ts";
import { printable } from "./define.ts";
import { Discovery } from "./discover.ts";
import type { Defaults, Draft } from "./draft.ts";
import { describe, faultsError, quote } from "./faults.ts";
import { isProvider } from "./from-tables.ts";
import { type ConfigSource, readDraft } from "./read.ts";
import { resolveProvider } from "./resolve.ts";
import type { Fault } from "./schema.ts";

/** Named providers with their options, checked and complete. Frozen; secrets in it are not enumerable. */
export interface PersistenceConfig {
  readonly defaults: Defaults;
  readonly namespace?: string;
  /** Accepts stores on which a failover can undo a grant. */
  readonly allowWeak: boolean;
  readonly providers: readonly ProviderConfig[];
}

export interface ProviderConfig {
  readonly name: string;
  readonly provider: Provider;
  readonly options: object;
}

export interface LoadOptions {
  /** Providers to be found before any other. In a bundled application, all of them. */
  readonly providers?: readonly Provider[];
  /** The application's directory, from which plugins are resolved; the working directory by default. */
  readonly from?: string;
  readonly files?: Files;
}

/**
 * Reads a configuration, finds its providers and checks their options. Nothing is opened.
 *
 * @throws StoreError `INVALID_CONFIG` naming every fault at once, one a line; `faultsOf(error)` lists them. No secret
 * stands in it.
 */
export async function loadConfig(source: ConfigSource, options: LoadOptions = {}): Promise<PersistenceConfig> {
  const draft = await readDraft(source, givenProviders(options), options.files ?? systemFiles);
  return loadDraft(draft, options, "file" in source ? source.file : undefined);
}

/** Finishes what `loadConfig` and the builder have read. `file` stands in front of the faults. */
export async function loadDraft(draft: Draft, options: LoadOptions = {}, file?: string): Promise<PersistenceConfig> {
  const { from = ".", files = systemFiles } = options;
  const given = givenProviders(options);
  const discovery = new Discovery(given, from, files);
  const faults: Fault[] = [...draft.faults];
  const providers: ProviderConfig[] = [];
  for (const [name, provider] of draft.providers) {
    const found = await resolveProvider(provider, discovery);
    if ("provider" in found) providers.push(Object.freeze({ name, ...found }));
    else faults.push(...found);
  }
  if (draft.providers.size === 0 && faults.length === 0) faults.push({ path: "providers", reason: "there are none" });
  const names = [...draft.providers.keys()];
  const { defaults = {}, namespace, allowWeak } = draft.head;
  for (const [role, name] of Object.entries(defaults)) {
    if (draft.providers.has(name)) continue;
    const mend = `add [providers.${printable(name)}] or name one of: ${names.map(printable).join(", ")}`;
    faults.push({
      path: `defaults.${role}`,
      reason: `names ${quote(name)}, which is not among the providers: ${mend}`,
    });
  }
  if (faults.length > 0) throw faultsError("INVALID_CONFIG", faults, file);
  // The only provider needs no naming.
  const [only] = names;
  const all = names.length === 1 && only !== undefined ? { addressable: only, cluster: only, ...defaults } : defaults;
  return Object.freeze({
    defaults: Object.freeze(all),
    ...(namespace !== undefined && { namespace }),
    allowWeak,
    providers: Object.freeze(providers),
  });
}

function givenProviders({ providers = [] }: LoadOptions): readonly Provider[] {
  const wrong = providers.findIndex((provider) => !isProvider(provider));
  if (wrong < 0) return providers;
  const reason = `providers[${wrong}]: expected what a plugin exports as provider, found ${describe(providers[wrong], true)}`;
  throw new StoreError("INVALID_ARGUMENT", reason);
}
