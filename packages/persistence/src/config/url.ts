import type { Fault, FieldInfo, UrlPart } from "./schema.ts";

/** A provider's URL in its parts, not yet decoded but for the query. */
export interface ProviderUrl {
  readonly scheme: string;
  readonly parts: Readonly<Partial<Record<UrlPart, string>>>;
  readonly query: readonly (readonly [string, string])[];
}

const SHAPE = /^([a-z][a-z0-9+.-]*):(?:\/\/([^/?#]*))?([^?#]*)(?:\?([^#]*))?$/i;

/** Takes a URL apart; `undefined` where it is none. Several hosts may stand in it, separated by commas. */
export function parseUrl(text: string): ProviderUrl | undefined {
  const match = SHAPE.exec(text);
  if (match === null) return undefined;
  const [, scheme = "", authority = "", path = "", query = ""] = match;
  const at = authority.lastIndexOf("@");
  const hosts = authority.slice(at + 1);
  const [username = "", ...rest] = at < 0 ? [] : authority.slice(0, at).split(":");
  // After a host the slash only separates; without one it is the root of a path.
  const below = hosts === "" ? path : path.replace(/^\//, "");
  try {
    const parts: Record<UrlPart, string> = {
      username: decodeURIComponent(username),
      password: decodeURIComponent(rest.join(":")),
      host: decodeURIComponent(hosts),
      hosts: decodeURIComponent(hosts),
      path: decodeURIComponent(below === "/" ? "" : below),
      whole: text.replace(/\?.*$/, ""),
    };
    const pairs = query.split("&").filter((pair) => pair !== "");
    return { scheme: scheme.toLowerCase(), parts, query: pairs.map(decodePair) };
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
}

function decodePair(pair: string): readonly [string, string] {
  const at = pair.indexOf("=");
  const [key, value] = at < 0 ? [pair, ""] : [pair.slice(0, at), pair.slice(at + 1)];
  return [decodeURIComponent(key), decodeURIComponent(value)];
}

/** Lays the parts of a URL out as options in text, under the keys of the fields that stand for them. */
export function urlOptions(
  url: ProviderUrl,
  fields: readonly FieldInfo[],
  path: string,
): { readonly raw: Readonly<Record<string, string>>; readonly faults: readonly Fault[] } {
  const raw = new Map<string, string>();
  const faults: Fault[] = [];
  const whole = fields.some((field) => field.url === "whole");
  for (const field of fields) {
    const part = field.url === undefined ? undefined : url.parts[field.url];
    if (part !== undefined && part !== "") raw.set(field.key.replaceAll(".", "_"), part);
  }
  for (const part of ["username", "password", "host", "path"] as const) {
    const taken = fields.some(({ url: own }) => own === part || (own === "hosts" && part === "host"));
    if (taken || whole || (url.parts[part] ?? "") === "") continue;
    const hint = part === "host" ? ": a path starts with a third slash" : "";
    faults.push({ path, reason: `${url.scheme} URLs have no ${part}${hint}` });
  }
  for (const [key, value] of url.query) {
    if (raw.has(key)) faults.push({ path: `${path}?${key.slice(0, 80)}`, reason: "given twice" });
    else raw.set(key, value);
  }
  return { raw: Object.fromEntries(raw), faults };
}
