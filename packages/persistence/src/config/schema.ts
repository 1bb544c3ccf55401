/** One thing wrong in a configuration, told so that its writer can mend it. Never holds a secret's value. */
export interface Fault {
  /** Where it stands, as written there, such as `providers.s3.retry_count` or `ORBIT_S3_RETRY_COUNT`. */
  readonly path: string;
  /** What was expected and what was found. */
  readonly reason: string;
  /** The error behind it. */
  readonly cause?: unknown;
}

/** Where in a provider's URL an option stands. Every option may stand in the query, under its key. */
export type UrlPart = "username" | "password" | "host" | "hosts" | "path" | "whole";

/** What documentation and tools may know of an option. */
export interface FieldInfo {
  /** The name in code: camelCase, durations in milliseconds with the suffix `Ms`. Members of a group: `group.name`. */
  readonly name: string;
  /**
   * The name in files: snake_case, durations in seconds unless the key ends in `_ms`. Members of a group: `group.key`.
   * In variables and URL queries the dot is an underscore.
   */
  readonly key: string;
  /** What it expects, in words, such as `a whole number from 1 to 65535`. */
  readonly expects: string;
  /** The default as it would be written in a file; absent where there is none. */
  readonly default?: string;
  readonly required: boolean;
  readonly secret: boolean;
  /** The part of the provider's URL that carries it, beside the query. */
  readonly url?: UrlPart;
  /** Set where the option is itself a provider, with a type and options of its own. */
  readonly provider?: true;
  /** What it means, in one sentence. */
  readonly doc: string;
}

/**
 * Where options come from. Code and files carry numbers, booleans and lists, code under its own names and in
 * milliseconds; variables and URLs carry text to be read.
 */
export type OptionsSource = "code" | "file" | "env" | "url";

/** Options as data: one schema for code, files, URLs and variables. Made by `defineOptions`. */
export interface OptionsSchema<Options extends object> {
  readonly fields: readonly FieldInfo[];
  /**
   * Completes options given in code with the defaults. The result is frozen; secrets in it are readable, but not
   * enumerable: neither `inspect` nor `JSON.stringify` nor a spread shows or copies them.
   *
   * @throws StoreError `INVALID_ARGUMENT` naming every fault at once, in the code's names.
   */
  resolve(input: Partial<Options>): Options;
  /**
   * Reads options from a table, or from text: flat keys, lists separated by commas. Names every fault at once.
   * `prefix` is what stands before each key in the faults' paths, such as `providers.s3.` or `ORBIT_S3_`.
   */
  parse(raw: Readonly<Record<string, unknown>>, source: OptionsSource, prefix: string): Parsed<Options>;
}

export type Parsed<Options> =
  | { readonly ok: true; readonly options: Options }
  | { readonly ok: false; readonly faults: readonly Fault[] };
