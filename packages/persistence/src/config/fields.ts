import type { Provider } from "../contract/provider.ts";
import { describe } from "./faults.ts";
import type { OptionsSource, UrlPart } from "./schema.ts";
import { formatBytes, parseBytes } from "./units.ts";

/** One option of type `Value`; `undefined` is part of the type where it may be left out. */
export interface Field<Value> extends FieldBase {
  /** What it expects, in the words of a file. */
  readonly expects: string;
  /** What it expects in code, where that differs. */
  readonly expectsInCode?: string;
  readonly default: Value | undefined;
  readonly defaultText: string | undefined;
  readonly required: boolean;
  readonly secret: boolean;
  /** Durations: the name in code must end in `Ms`. */
  readonly duration?: true;
  /** The fields of a group. */
  readonly members?: Readonly<Record<string, Field<unknown>>>;
  readonly provider?: true;
  /** Returns the value, or why it can't be read. */
  read(raw: unknown, source: OptionsSource): Read<Value>;
}

type Read<Value> = { readonly value: Value } | { readonly reason: string };

interface FieldBase {
  /** The name in files and variables, in snake_case. */
  readonly key: string;
  /** What the option means, in one sentence. */
  readonly doc: string;
  /** The part of the provider's URL that carries it. */
  readonly url?: UrlPart;
}

/** What every field maker takes. An option with neither `default` nor `required` may be left out. */
export interface FieldSpec<Value> extends FieldBase {
  readonly default?: Value;
  readonly required?: boolean;
}

/** The type of an option in the finished options. */
export type Given<Spec, Value> = Spec extends { readonly required: true } | { readonly default: Value }
  ? Value
  : Value | undefined;

/** Describes a text. Empty text is refused unless `empty` is set. */
export function text<const Spec extends TextSpec>(spec: Spec): Field<Given<Spec, string>> {
  return make(spec, { expects: spec.empty === true ? "text" : "a text that is not empty", read: readText(spec.empty) });
}

export interface TextSpec extends FieldSpec<string> {
  /** Allows the empty text. */
  readonly empty?: boolean;
}

/** Describes a text that no error, log, `inspect` or JSON shows. */
export function secret<const Spec extends FieldSpec<string>>(spec: Spec): Field<Given<Spec, string>> {
  return make(spec, { expects: "a text that is not empty", secret: true, read: readText(false) });
}

/** Describes the path of a file or directory. A relative one starts at the working directory. */
export function path<const Spec extends FieldSpec<string>>(spec: Spec): Field<Given<Spec, string>> {
  return make(spec, {
    expects: "a path",
    read: (raw) => (typeof raw === "string" && raw !== "" && !raw.includes("\0") ? { value: raw } : undefined),
  });
}

/** Describes a boolean: `true` or `false`, in variables and URLs also `1` or `0`. */
export function boolean<const Spec extends FieldSpec<boolean>>(spec: Spec): Field<Given<Spec, boolean>> {
  return make(spec, {
    expects: "true or false",
    read(raw, source) {
      if (typeof raw === "boolean") return { value: raw };
      const word = isText(source) ? String(raw).toLowerCase() : undefined;
      if (word === "true" || word === "1") return { value: true };
      return word === "false" || word === "0" ? { value: false } : undefined;
    },
  });
}

export interface NumberSpec extends FieldSpec<number> {
  /** The smallest number allowed, in the unit of the code: 0 for `integer` and `bytes`, 1 for durations by default. */
  readonly min?: number;
  /** The largest number allowed, in the unit of the code. */
  readonly max?: number;
}

/** Describes a whole number. */
export function integer<const Spec extends NumberSpec>(spec: Spec): Field<Given<Spec, number>> {
  const range = rangeOf(spec, 0);
  return make(spec, {
    expects: `a whole number ${words(range, String)}`,
    read: (raw, source) => within(isText(source) ? numberOf(raw) : raw, range),
  });
}

/** Describes a duration: seconds, also fractions, in files and variables; whole milliseconds in code. */
export function seconds<const Spec extends NumberSpec>(spec: Spec): Field<Given<Spec, number>> {
  const range = rangeOf(spec, 1);
  return make(spec, {
    expects: `seconds ${words(range, (ms) => String(ms / 1000))}`,
    expectsInCode: `whole milliseconds ${words(range, String)}`,
    duration: true,
    show: (ms) => String(ms / 1000),
    read(raw, source) {
      if (source === "code") return within(raw, range);
      const given = isText(source) ? numberOf(raw) : raw;
      return typeof given === "number" ? within(Math.round(given * 1000), range) : undefined;
    },
  });
}

/** Describes a duration in whole milliseconds everywhere; its key ends in `_ms`. */
export function milliseconds<const Spec extends NumberSpec>(spec: Spec): Field<Given<Spec, number>> {
  const range = rangeOf(spec, 1);
  return make(spec, {
    expects: `whole milliseconds ${words(range, String)}`,
    duration: true,
    read: (raw, source) => within(isText(source) ? numberOf(raw) : raw, range),
  });
}

/** Describes a size in bytes: a number, in files and text also with a unit, such as `1GiB` or `64MB`. */
export function bytes<const Spec extends NumberSpec>(spec: Spec): Field<Given<Spec, number>> {
  const range = rangeOf(spec, 0);
  return make(spec, {
    expects: `bytes, as a number or with a unit as in "64MB" or "1GiB", ${words(range, formatBytes)}`,
    expectsInCode: `bytes ${words(range, formatBytes)}`,
    show: (size) => JSON.stringify(formatBytes(size)),
    read: (raw, source) => within(source !== "code" && typeof raw === "string" ? parseBytes(raw) : raw, range),
  });
}

/** Describes one of a few words; files and variables may write them in any case. */
export function oneOf<const Spec extends OneOfSpec>(
  spec: Spec & { readonly default?: Spec["values"][number] },
): Field<Given<Spec, Spec["values"][number]>> {
  return make<Spec["values"][number], Spec>(spec, {
    expects: spec.values.map((value) => JSON.stringify(value)).join(" or "),
    read(raw, source) {
      if (typeof raw !== "string") return undefined;
      const same = (value: string): boolean =>
        source === "code" ? value === raw : value.toLowerCase() === raw.toLowerCase();
      const value = spec.values.find(same);
      return value === undefined ? undefined : { value };
    },
  });
}

export interface OneOfSpec extends FieldSpec<string> {
  readonly values: readonly string[];
}

export interface ManySpec<Value> extends FieldSpec<Value> {
  /** The values are secrets. */
  readonly secret?: boolean;
}

/** Describes a list of texts; in variables and URLs they are separated by commas. */
export function list<const Spec extends ManySpec<readonly string[]>>(
  spec: Spec,
): Field<Given<Spec, readonly string[]>> {
  return make(spec, {
    expects: "a list of texts that are not empty",
    secret: spec.secret === true,
    show: (items) => JSON.stringify(items),
    read(raw, source) {
      const given: unknown = isText(source) ? split(raw) : raw;
      if (!Array.isArray(given) || given.length === 0) return undefined;
      const items: readonly unknown[] = given;
      return items.every(isNonEmpty) ? { value: Object.freeze([...items]) } : undefined;
    },
  });
}

/** Describes a table of texts; in variables and URLs it is written `name=value,name=value`. */
export function table<const Spec extends ManySpec<Readonly<Record<string, string>>>>(
  spec: Spec,
): Field<Given<Spec, Readonly<Record<string, string>>>> {
  return make(spec, {
    expects: "a table of texts",
    secret: spec.secret === true,
    show: (entries) => JSON.stringify(entries),
    read(raw, source) {
      const pairs = isText(source) ? split(raw).map(pair) : isTable(raw) ? Object.entries(raw) : [];
      const texts = pairs.filter(
        (entry): entry is [string, string] => isNonEmpty(entry[0]) && typeof entry[1] === "string",
      );
      const distinct = new Set(texts.map(([name]) => name)).size;
      if (distinct !== pairs.length || (pairs.length === 0 && !isTable(raw))) return undefined;
      return { value: Object.freeze(Object.fromEntries(texts)) };
    },
  });
}

export interface GroupSpec<Options extends object> extends FieldBase {
  readonly required?: boolean;
  readonly fields: Fields<Options>;
}

/**
 * Describes options that belong together: a table in files, `<GROUP>_<KEY>` in variables. Absent as a whole unless
 * one of them is given. Name the type where members may be left out: `group<BackupOptions>({...})`.
 */
export function group<Options extends object>(spec: GroupSpec<Options> & { readonly required: true }): Field<Options>;
export function group<Options extends object>(spec: GroupSpec<Options>): Field<Options | undefined>;
export function group<Options extends object>(spec: GroupSpec<Options>): Field<Options | undefined> {
  const members: Readonly<Record<string, Field<unknown>>> = { ...spec.fields };
  // The schema reads the members; this is asked only for what is no table.
  const base = make<Options, FieldSpec<Options>>(
    { key: spec.key, doc: spec.doc, required: spec.required === true },
    {
      expects: "a table",
      read: () => undefined,
    },
  );
  return { ...base, members };
}

/** A provider within the options of another, such as the `primary` of a composite: its options are resolved already. */
export interface NestedProvider {
  readonly provider: Provider;
  readonly options: object;
}

/** Describes an option that is itself a provider: a table with its own `type` and options in files. */
export function provider<const Spec extends FieldSpec<NestedProvider>>(spec: Spec): Field<Given<Spec, NestedProvider>> {
  const field = make<NestedProvider, Spec>(spec, {
    expects: "a table with a type and the options of that provider",
    expectsInCode: "an object with a provider and its options",
    read: (raw) => (isNestedProvider(raw) ? { value: raw } : undefined),
  });
  return { ...field, provider: true };
}

/** A field for each option of `Options`. */
export type Fields<Options extends object> = { readonly [Name in keyof Options]-?: Field<Options[Name]> };

interface Kind<Value> {
  readonly expects: string;
  readonly expectsInCode?: string;
  readonly secret?: boolean;
  readonly duration?: true;
  /** Writes a default as it would stand in a file. */
  readonly show?: (value: Value) => string;
  /** Returns the value, or `undefined` where it is not what the field expects. */
  readonly read: (raw: unknown, source: OptionsSource) => { readonly value: Value } | undefined;
}

function make<Value, Spec extends FieldSpec<Value>>(spec: Spec, kind: Kind<Value>): Field<Given<Spec, Value>> {
  const { expects, expectsInCode, secret: hidden = false, show = JSON.stringify } = kind;
  const read = (raw: unknown, source: OptionsSource): Read<Value> => {
    const expected = source === "code" ? (expectsInCode ?? expects) : expects;
    return kind.read(raw, source) ?? { reason: `expected ${expected}, found ${describe(raw, hidden)}` };
  };
  const checked = spec.default === undefined ? undefined : read(spec.default, "code");
  if (checked !== undefined && "reason" in checked) throw new TypeError(`default of ${spec.key}: ${checked.reason}`);
  const field: Field<Value> = {
    key: spec.key,
    doc: spec.doc,
    expects,
    default: checked?.value,
    defaultText: checked === undefined || hidden ? undefined : show(checked.value),
    required: spec.required === true,
    secret: hidden,
    read,
    ...(expectsInCode !== undefined && { expectsInCode }),
    ...(kind.duration === true && { duration: true }),
    ...(spec.url !== undefined && { url: spec.url }),
  };
  // Whether `undefined` is part of the type is told by the spec, and held by the schema.
  return field as Field<Given<Spec, Value>>;
}

interface NumberRange {
  readonly min: number;
  readonly max: number;
}

function rangeOf(spec: NumberSpec, smallest: number): NumberRange {
  return { min: spec.min ?? smallest, max: spec.max ?? Number.MAX_SAFE_INTEGER };
}

function words({ min, max }: NumberRange, show: (value: number) => string): string {
  return max === Number.MAX_SAFE_INTEGER ? `of at least ${show(min)}` : `from ${show(min)} to ${show(max)}`;
}

function within(value: unknown, { min, max }: NumberRange): { readonly value: number } | undefined {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= min && value <= max
    ? { value }
    : undefined;
}

function numberOf(raw: unknown): number | undefined {
  return typeof raw === "string" && /^[+-]?\d+(\.\d+)?$/.test(raw.trim()) ? Number(raw) : undefined;
}

function readText(empty: boolean | undefined): (raw: unknown) => { readonly value: string } | undefined {
  return (raw) =>
    typeof raw === "string" && raw.isWellFormed() && (raw !== "" || empty === true) ? { value: raw } : undefined;
}

function split(raw: unknown): readonly string[] {
  return typeof raw === "string" ? raw.split(",").map((item) => item.trim()) : [];
}

function pair(item: string): readonly [string, string | undefined] {
  const at = item.indexOf("=");
  return at < 0 ? [item, undefined] : [item.slice(0, at), item.slice(at + 1)];
}

function isNonEmpty(item: unknown): item is string {
  return typeof item === "string" && item !== "" && item.isWellFormed();
}

export function isText(source: OptionsSource): boolean {
  return source === "env" || source === "url";
}

/** Tells a table of a file, or an options object: anything but lists, dates and null. */
export function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

function isNestedProvider(value: unknown): value is NestedProvider {
  return isTable(value) && isTable(value["provider"]) && isTable(value["options"]) && "create" in value["provider"];
}
