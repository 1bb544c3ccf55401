import { describe, faultsError } from "./faults.ts";
import { type Field, type Fields, isTable, isText } from "./fields.ts";
import { suggest } from "./nearest.ts";
import type { Fault, FieldInfo, OptionsSchema, OptionsSource, Parsed } from "./schema.ts";

export interface OptionsChecks<Options extends object> {
  /**
   * Checks options against each other, once each is right by itself. The `path` of a fault is the option's name in
   * code, such as `enableSsl`; it is told as written in the source.
   */
  readonly check?: (options: Options) => readonly Fault[];
}

type AnyFields = Readonly<Record<string, Field<unknown>>>;
type Raw = Readonly<Record<string, unknown>>;

/**
 * Makes the schema of a provider's options from one field an option. The type of the options is checked against the
 * fields: one without default that is not required must be optional.
 */
export function defineOptions<Options extends object>(
  fields: Fields<Options>,
  checks: OptionsChecks<Options> = {},
): OptionsSchema<Options> {
  const own: AnyFields = { ...fields };
  checkFields(own);
  const read = (raw: Raw, source: OptionsSource, prefix: string): Parsed<Options> => {
    const reader = new Reader(source);
    // Each field has put in what its part of the type says, or there are faults.
    const options = reader.table(own, raw, prefix) as Options;
    if (reader.faults.length === 0) {
      for (const fault of checks.check?.(options) ?? []) {
        reader.faults.push({ path: prefix + written(own, fault.path, source), reason: fault.reason });
      }
    }
    return reader.faults.length === 0 ? { ok: true, options } : { ok: false, faults: reader.faults };
  };
  return Object.freeze({
    fields: infos(own, "", ""),
    resolve(input: Partial<Options>): Options {
      const raw: unknown = input;
      if (!isTable(raw)) {
        const reason = `expected an object, found ${describe(raw, true)}`;
        throw faultsError("INVALID_ARGUMENT", [{ path: "options", reason }]);
      }
      const parsed = read(raw, "code", "");
      if (!parsed.ok) throw faultsError("INVALID_ARGUMENT", parsed.faults);
      return parsed.options;
    },
    parse: (raw: Raw, source: OptionsSource, prefix: string): Parsed<Options> => read(raw, source, prefix),
  });
}

/** Reads one table and those within it, and gathers the faults of all. */
class Reader {
  readonly faults: Fault[] = [];
  readonly #source: OptionsSource;

  constructor(source: OptionsSource) {
    this.#source = source;
  }

  table(fields: AnyFields, raw: Raw, prefix: string): object {
    this.#refuseUnknown(Object.keys(raw), keysOf(fields, this.#source), prefix);
    return this.#read(fields, raw, prefix);
  }

  #read(fields: AnyFields, raw: Raw, prefix: string): object {
    const options = {};
    for (const [name, field] of Object.entries(fields)) {
      const value = this.#value(name, field, raw, prefix);
      if (value === undefined) continue;
      // A secret is there for who asks by name, and for nobody who lists, copies or prints.
      Object.defineProperty(options, name, field.secret ? { get: () => value } : { value, enumerable: true });
    }
    return Object.freeze(options);
  }

  #value(name: string, field: Field<unknown>, raw: Raw, prefix: string): unknown {
    const key = this.#source === "code" ? name : field.key;
    const path = prefix + (this.#source === "env" ? key.toUpperCase() : key);
    if (field.members !== undefined && isText(this.#source)) {
      const flat = pick(raw, `${key}_`, keysOf(field.members, this.#source));
      if (Object.keys(flat).length > 0) return this.#read(field.members, flat, `${path}_`);
    }
    const given = Object.hasOwn(raw, key) ? raw[key] : undefined;
    if (given === undefined || (given === "" && this.#source === "env")) {
      if (field.required) this.faults.push({ path, reason: `missing: expected ${field.expects}` });
      return field.default;
    }
    if (field.members !== undefined && isTable(given)) return this.table(field.members, given, `${path}.`);
    const read = field.read(given, this.#source);
    if ("value" in read) return read.value;
    this.faults.push({ path, reason: read.reason });
    return undefined;
  }

  #refuseUnknown(given: readonly string[], known: readonly string[], prefix: string): void {
    const upper = this.#source === "env";
    const show = (key: string): string => (upper ? prefix + key.toUpperCase() : key);
    for (const key of given) {
      if (known.includes(key)) continue;
      const what = upper ? "unknown variable" : "unknown option";
      const shown = prefix + (upper ? key.toUpperCase() : printable(key));
      this.faults.push({ path: shown, reason: `${what}: ${suggest(show(key), known.map(show))}` });
    }
  }
}

/** The keys a source may use: names in code, keys in files, keys with those of groups joined by `_` in text. */
function keysOf(fields: AnyFields, source: OptionsSource): readonly string[] {
  return Object.entries(fields).flatMap(([name, field]) => {
    if (source === "code") return [name];
    if (field.members === undefined || !isText(source)) return [field.key];
    return keysOf(field.members, source).map((key) => `${field.key}_${key}`);
  });
}

function pick(raw: Raw, prefix: string, keys: readonly string[]): Raw {
  const found = keys.filter((key) => Object.hasOwn(raw, prefix + key) && raw[prefix + key] !== "");
  return Object.fromEntries(found.map((key) => [key, raw[prefix + key]]));
}

/** Turns a name in code, such as `diskBackup.path`, into what the source writes. */
function written(fields: AnyFields, name: string, source: OptionsSource): string {
  const [first = "", ...rest] = name.split(".");
  const field = Object.hasOwn(fields, first) ? fields[first] : undefined;
  if (source === "code" || field === undefined) return name;
  const key = source === "env" ? field.key.toUpperCase() : field.key;
  if (rest.length === 0 || field.members === undefined) return key;
  return `${key}${isText(source) ? "_" : "."}${written(field.members, rest.join("."), source)}`;
}

function infos(fields: AnyFields, names: string, keys: string): readonly FieldInfo[] {
  return Object.entries(fields).flatMap(([name, field]): readonly FieldInfo[] => {
    if (field.members !== undefined) return infos(field.members, `${names}${name}.`, `${keys}${field.key}.`);
    const { expects, required, secret, doc, url, provider, defaultText } = field;
    const info: FieldInfo = { name: names + name, key: keys + field.key, expects, required, secret, doc };
    return [
      {
        ...info,
        ...(defaultText !== undefined && { default: defaultText }),
        ...(url !== undefined && { url }),
        ...(provider !== undefined && { provider }),
      },
    ];
  });
}

/** Refuses a schema that could not be told apart in some source. These are defects of a provider, seen when it loads. */
function checkFields(fields: AnyFields): void {
  const keys = keysOf(fields, "env");
  const twice = keys.find((key, index) => keys.indexOf(key) !== index);
  if (twice !== undefined) throw new TypeError(`options: the key ${twice} stands for two options`);
  for (const [name, field] of Object.entries(fields)) {
    if (!/^[a-z][a-z0-9]*(_[a-z0-9]+)*$/.test(field.key))
      throw new TypeError(`options: ${field.key} is not snake_case`);
    if (field.duration === true && !name.endsWith("Ms")) throw new TypeError(`options: ${name} must end in Ms`);
    if (field.members !== undefined) checkFields(field.members);
  }
}

/** Writes a key for a message: quoted and cut where it is not plain. */
export function printable(key: string): string {
  return /^[\w.-]{1,80}$/.test(key) ? key : JSON.stringify(key.slice(0, 80));
}
