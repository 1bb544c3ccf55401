import type { Provider } from "../contract/provider.ts";
import { defineOptions } from "./define.ts";
import { describe } from "./faults.ts";
import { boolean, type Field, type Fields, group, isTable, text } from "./fields.ts";
import type { Fault, OptionsSchema, OptionsSource } from "./schema.ts";

/** A document that has been read as far as it can be without its providers. */
export interface Draft {
  readonly source: OptionsSource;
  readonly head: Head;
  readonly providers: ReadonlyMap<string, DraftProvider>;
  readonly faults: readonly Fault[];
}

/** What a document says beside its providers. */
export interface Head {
  readonly defaults?: Defaults;
  readonly namespace?: string;
  readonly allowWeak: boolean;
  readonly providers?: Table;
}

/** The names of the providers that stand behind the directory and the membership. */
export interface Defaults {
  readonly addressable?: string;
  readonly cache?: string;
  readonly cluster?: string;
}

/** A provider that a document names, before it is found and its options are read. */
export interface DraftProvider {
  readonly wanted: Wanted;
  /** Where it is named, for faults about finding it. */
  readonly path: string;
  readonly source: OptionsSource;
  /** What stands before the keys of its options in faults. */
  readonly prefix: string;
  /** Lays out its options, once the provider is known. */
  options(provider: Provider): RawOptions;
}

/** What says which provider is meant. */
export interface Wanted {
  readonly provider?: Provider;
  readonly type?: string;
  readonly scheme?: string;
  readonly package?: string;
}

export interface RawOptions {
  readonly raw: Table;
  readonly faults?: readonly Fault[];
}

export type Table = Readonly<Record<string, unknown>>;

export const NO_HEAD: Head = Object.freeze({ allowWeak: false });

const providers: Field<Table | undefined> = {
  key: "providers",
  doc: "The providers, each a table under its name.",
  expects: "a table with a table for each provider",
  default: undefined,
  defaultText: undefined,
  required: true,
  secret: true,
  read: (raw) =>
    isTable(raw)
      ? { value: raw }
      : { reason: `expected a table with a table for each provider, found ${describe(raw, true)}` },
};

/** The top of a document. Variables use the same names after `ORBIT_PERSISTENCE_`. */
export const headFields: Pick<Fields<Head>, "namespace" | "allowWeak"> = {
  namespace: text({ key: "namespace", doc: "Keeps applications that share a backend apart." }),
  allowWeak: boolean({
    key: "allow_weak",
    doc: "Accepts stores on which a failover can undo a grant.",
    default: false,
  }),
};

export const headSchema: OptionsSchema<Head> = defineOptions<Head>({
  ...headFields,
  defaults: group<Defaults>({
    key: "defaults",
    doc: "The providers behind the directory and the membership.",
    fields: {
      addressable: text({ key: "addressable", doc: "The provider that holds the directory." }),
      cluster: text({ key: "cluster", doc: "The provider that holds the membership." }),
      cache: text({ key: "cache", doc: "A fast provider before the lookups of the directory." }),
    },
  }),
  providers,
});
