/** One thing wrong in a configuration, told so that its writer can mend it. Never holds a secret's value. */
export interface Fault {
  /** Where it stands, as written there, such as `providers.s3.retry_count` or `ORBIT_S3_RETRY_COUNT`. */
  readonly path: string;
  /** What was expected and what was found. */
  readonly reason: string;
}

/** What documentation and tools may know of an option. */
export interface FieldInfo {
  /** The name in code: camelCase, durations in milliseconds with the suffix `Ms`. */
  readonly name: string;
  /** The name in files and variables: snake_case, durations in seconds unless the key ends in `_ms`. */
  readonly key: string;
  /** What it expects, in words, such as `a whole number from 1 to 65535`. */
  readonly expects: string;
  /** The default as it would be written in a file; absent where there is none. */
  readonly default?: string;
  readonly required: boolean;
  readonly secret: boolean;
  /** What it means, in one sentence. */
  readonly doc: string;
}

/**
 * Options as data: one schema for code, files, URLs and variables. `typed` sources carry numbers, booleans and lists;
 * `text` sources carry strings to be read.
 */
export interface OptionsSchema<Options extends object> {
  readonly fields: readonly FieldInfo[];
  /** Completes options given in code with the defaults. Throws `INVALID_ARGUMENT` naming every fault at once. */
  resolve(input: Partial<Options>): Options;
  /** Reads options from a file table or from text, naming every fault at once. */
  parse(raw: Readonly<Record<string, unknown>>, source: "typed" | "text", path: string): Parsed<Options>;
}

export type Parsed<Options> =
  | { readonly ok: true; readonly options: Options }
  | { readonly ok: false; readonly faults: readonly Fault[] };
