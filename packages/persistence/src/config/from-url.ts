import type { DraftProvider } from "./draft.ts";
import type { Fault } from "./schema.ts";
import { parseUrl, urlOptions } from "./url.ts";

/** Reads a provider's URL, such as `btree:///var/lib/orbit?map_size=1GiB`. No fault quotes it: it may hold a password. */
export function fromUrl(url: unknown, path: string, extra: { readonly package?: string } = {}): DraftProvider | Fault {
  const parsed = typeof url === "string" ? parseUrl(url) : undefined;
  if (parsed === undefined) {
    const reason = "expected a provider's URL, such as btree:///var/lib/orbit or redis://host:6379, without a fragment";
    return { path, reason };
  }
  return {
    wanted: { scheme: parsed.scheme, ...extra },
    path,
    source: "url",
    prefix: `${path}?`,
    options: (provider) => urlOptions(parsed, provider.options.fields, path),
  };
}
