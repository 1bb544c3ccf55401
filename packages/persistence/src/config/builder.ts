import type { Provider } from "../contract/provider.ts";
import { printable } from "./define.ts";
import { type ConfigProvider, draftFromObject } from "./from-tables.ts";
import { KNOWN_TYPES, type KnownTypeName } from "./known.ts";
import { loadDraft, type LoadOptions, type PersistenceConfig } from "./load.ts";
import type { Fault } from "./schema.ts";

/** Which defaults a provider becomes: both, or one of them. */
export type DefaultFor = boolean | "addressable" | "cluster";

export interface ProviderSettings {
  readonly default?: DefaultFor;
}

/** `withMemory(name, options, isDefault)` and its like, one for each provider type of the project. */
export type NamedForms = {
  readonly [Type in KnownTypeName as `with${Type}`]: (
    name: string,
    options?: object,
    isDefault?: DefaultFor,
  ) => ConfigBuilder;
};

/** Builds a configuration in code. Every method returns the builder. */
export interface ConfigBuilder extends NamedForms {
  /** Adds a provider under a name, by its `provider` object or by its type. */
  with<Options extends object>(
    name: string,
    provider: Provider<Options>,
    options?: Partial<Options>,
    settings?: ProviderSettings,
  ): ConfigBuilder;
  with(name: string, type: string, options?: object, settings?: ProviderSettings): ConfigBuilder;
  namespace(namespace: string): ConfigBuilder;
  /** Accepts stores on which a failover can undo a grant. */
  allowWeak(): ConfigBuilder;
  /** Finds the providers and checks everything. Throws `INVALID_CONFIG` naming every fault at once. */
  build(options?: LoadOptions): Promise<PersistenceConfig>;
}

/** Starts a configuration in code. */
export function configBuilder(): ConfigBuilder {
  const head: { namespace?: string; allowWeak?: boolean } = {};
  const providers = new Map<string, ConfigProvider>();
  const defaults = new Map<"addressable" | "cluster", string>();
  const faults: Fault[] = [];
  const named = Object.keys(KNOWN_TYPES).map((type) => [
    `with${type}`,
    (name: string, options?: object, isDefault: DefaultFor = false) =>
      builder.with(name, type, options, { default: isDefault }),
  ]);
  const builder: ConfigBuilder = {
    ...(Object.fromEntries(named) as NamedForms),
    with(name: string, provider: string | Provider, options: object = {}, settings: ProviderSettings = {}) {
      const path = `providers.${printable(name)}`;
      if (providers.has(name)) faults.push({ path, reason: "is there twice: give each provider its own name" });
      providers.set(name, typeof provider === "string" ? { type: provider, options } : { provider, options });
      for (const role of ["addressable", "cluster"] as const) {
        if (settings.default !== true && settings.default !== role) continue;
        const other = defaults.get(role);
        const reason = `is both ${printable(other ?? "")} and ${printable(name)}: choose one`;
        if (other !== undefined) faults.push({ path: `defaults.${role}`, reason });
        defaults.set(role, name);
      }
      return builder;
    },
    namespace(namespace) {
      head.namespace = namespace;
      return builder;
    },
    allowWeak() {
      head.allowWeak = true;
      return builder;
    },
    build(options) {
      const given = { ...head, defaults: Object.fromEntries(defaults), providers: Object.fromEntries(providers) };
      const draft = draftFromObject(given);
      return loadDraft({ ...draft, faults: [...faults, ...draft.faults] }, options);
    },
  };
  return builder;
}
