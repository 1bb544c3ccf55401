import { extname } from "node:path";

import { StoreError } from "../contract/error.ts";
import type { Provider } from "../contract/provider.ts";
import { type Files, systemFiles } from "../runtime/files.ts";
import { type Draft, NO_HEAD, type Table } from "./draft.ts";
import { describe, faultsError } from "./faults.ts";
import { isTable } from "./fields.ts";
import { draftFromEnv, type Environment } from "./from-env.ts";
import { type ConfigObject, draftFromObject, draftFromTable } from "./from-tables.ts";
import { fromUrl } from "./from-url.ts";
import { parseJson } from "./json.ts";
import { SyntaxFault } from "./syntax.ts";
import { parseToml } from "./toml.ts";

/** Where a configuration is read from: exactly one of these. */
export type ConfigSource =
  /** The path of a `.toml` or `.json` file of at most 1 MiB. */
  | { readonly file: string }
  | { readonly toml: string }
  | { readonly json: string }
  /** A document in a file's names that has been read already. */
  | { readonly table: Table }
  /** One provider, such as `btree:///var/lib/orbit?map_size=1GiB`. */
  | { readonly url: string }
  /** Environment variables, such as `process.env`. */
  | { readonly env: Environment }
  /** A document in the code's names. */
  | { readonly object: ConfigObject };

const MAX_FILE_BYTES = 1 << 20;
const FORMATS: ReadonlyMap<string, "toml" | "json"> = new Map([
  [".toml", "toml"],
  [".json", "json"],
]);
const REASONS: ReadonlyMap<string, string> = new Map([
  ["ENOENT", "there is no such file"],
  ["ENOTDIR", "there is no such file"],
  ["EISDIR", "this is a directory: name the file in it"],
  ["EACCES", "this process may not read it"],
  ["EFBIG", "it is larger than 1 MiB"],
  ["ERR_ENCODING_INVALID_ENCODED_DATA", "it is not UTF-8 text"],
]);

/**
 * Reads a `.toml` or `.json` file of at most 1 MiB, for those who keep tables of their own in it: take yours out and
 * give the rest to `loadConfig({ table })`. Throws `INVALID_CONFIG`.
 */
export async function readConfigFile(path: string, files: Files = systemFiles): Promise<Table> {
  const format = FORMATS.get(extname(path).toLowerCase());
  if (format === undefined) throw invalid(path, "expected a file that ends in .toml or .json");
  return parseTable(await readText(path, files), format, path);
}

/** Reads a source as far as it can be read without its providers. */
export async function readDraft(source: ConfigSource, given: readonly Provider[], files: Files): Promise<Draft> {
  checkSource(source);
  if ("file" in source) return draftFromTable(await readConfigFile(source.file, files));
  if ("toml" in source) return draftFromTable(parseTable(source.toml, "toml", "toml"));
  if ("json" in source) return draftFromTable(parseTable(source.json, "json", "json"));
  if ("table" in source) return draftFromTable(source.table);
  if ("object" in source) return draftFromObject({ ...source.object });
  if ("env" in source) return draftFromEnv(source.env, given);
  const provider = fromUrl(source.url, "url");
  if ("reason" in provider) return { source: "url", head: NO_HEAD, providers: new Map(), faults: [provider] };
  const providers = new Map([[provider.wanted.scheme ?? "url", provider]]);
  return { source: "url", head: NO_HEAD, providers, faults: [] };
}

/** Holds callers without types, and options read from elsewhere, to the shape of a source. */
function checkSource(source: unknown): void {
  const texts = ["file", "toml", "json", "url"];
  const tables = ["table", "env", "object"];
  const [kind = "", ...others] = isTable(source) ? Object.keys(source) : [];
  const value = isTable(source) ? source[kind] : undefined;
  const right = texts.includes(kind) ? typeof value === "string" : tables.includes(kind) && isTable(value);
  if (right && others.length === 0) return;
  const expected = `an object with exactly one of ${texts.join(", ")} (a text), ${tables.join(", ")} (an object)`;
  throw new StoreError("INVALID_ARGUMENT", `source: expected ${expected}, found ${describe(source, true)}`);
}

async function readText(path: string, files: Files): Promise<string> {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(await files.read(path, MAX_FILE_BYTES));
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "of an unknown kind";
    throw invalid(path, REASONS.get(code) ?? `it can't be read (${code})`, error);
  }
}

function parseTable(text: string, format: "toml" | "json", path: string): Table {
  try {
    const document = format === "json" ? parseJson(text) : parseToml(text);
    if (isTable(document)) return document;
    throw invalid(path, `expected an object at the top, found ${describe(document, true)}`);
  } catch (error) {
    if (error instanceof SyntaxFault) throw invalid(path, error.message);
    throw error;
  }
}

function invalid(path: string, reason: string, cause?: unknown): StoreError {
  return faultsError("INVALID_CONFIG", [cause === undefined ? { path, reason } : { path, reason, cause }]);
}
