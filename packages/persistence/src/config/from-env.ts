import type { Provider } from "../contract/provider.ts";
import { defineOptions } from "./define.ts";
import { type Draft, type DraftProvider, headFields, NO_HEAD } from "./draft.ts";
import { secret, text } from "./fields.ts";
import { fromUrl } from "./from-url.ts";
import { KNOWN_TYPES } from "./known.ts";
import type { Fault } from "./schema.ts";

/** Environment variables, such as `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

interface EnvHead {
  readonly backend?: string;
  readonly url?: string;
  readonly package?: string;
  readonly namespace?: string;
  readonly allowWeak: boolean;
}

const PREFIX = "ORBIT_PERSISTENCE_";

const envSchema = defineOptions<EnvHead>({
  ...headFields,
  backend: text({ key: "backend", doc: "The type of the provider." }),
  url: secret({ key: "url", doc: "The provider and its options as a URL." }),
  package: text({ key: "package", doc: "The package that brings the provider." }),
});

// What Kubernetes sets for a Service named, say, orbit-redis: ORBIT_REDIS_SERVICE_HOST, ORBIT_REDIS_PORT_6379_TCP.
const SERVICE_LINK = /_SERVICE_(HOST|PORT(_\w+)?)$|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/;

/**
 * Reads one provider from variables: its type from `ORBIT_PERSISTENCE_BACKEND`, its options from `ORBIT_<TYPE>_<KEY>`;
 * or both from `ORBIT_PERSISTENCE_URL`. Without either, the one type that has variables is meant.
 */
export function draftFromEnv(env: Environment, given: readonly Provider[]): Draft {
  const parsed = envSchema.parse(variables(env, PREFIX), "env", PREFIX);
  const faults: Fault[] = parsed.ok ? [] : [...parsed.faults];
  const head: EnvHead = parsed.ok ? parsed.options : NO_HEAD;
  const extra = head.package === undefined ? {} : { package: head.package };
  const read = (): DraftProvider | Fault | undefined => {
    // What is wrong with these was said above.
    if (!parsed.ok) return undefined;
    const path = `${PREFIX}BACKEND`;
    if (head.url !== undefined) {
      if (head.backend !== undefined) return { path, reason: `not beside ${PREFIX}URL, which names the provider too` };
      const provider = fromUrl(head.url, `${PREFIX}URL`, extra);
      return "reason" in provider ? provider : urlAlone(provider, env);
    }
    if (head.backend !== undefined) return typed(env, head.backend, path, extra);
    const types = [...Object.keys(KNOWN_TYPES), ...given.flatMap(({ types: own }) => own)];
    const meant = new Map(types.filter((type) => hasVariables(env, type)).map((type) => [prefixOf(type), type]));
    const [only] = meant.values();
    if (meant.size === 1 && only !== undefined) return typed(env, only, path, extra);
    if (meant.size === 0)
      return { path, reason: `missing: name the type of a provider, such as memory, or set ${PREFIX}URL` };
    return {
      path,
      reason: `missing: there are variables for ${[...meant.values()].join(" and ")}; name the one to use`,
    };
  };
  const provider = read();
  if (provider !== undefined && "reason" in provider) faults.push(provider);
  const providers = new Map<string, DraftProvider>();
  if (provider !== undefined && "wanted" in provider) {
    const { type, scheme } = provider.wanted;
    providers.set((type ?? scheme ?? "default").toLowerCase(), provider);
  }
  const { allowWeak, namespace } = head;
  return { source: "env", head: { allowWeak, ...(namespace !== undefined && { namespace }) }, providers, faults };
}

function typed(env: Environment, type: string, path: string, extra: { readonly package?: string }): DraftProvider {
  const prefix = prefixOf(type);
  return { wanted: { type, ...extra }, path, source: "env", prefix, options: () => ({ raw: variables(env, prefix) }) };
}

/** A URL carries all options: variables beside it would be passed over in silence. */
function urlAlone(provider: DraftProvider, env: Environment): DraftProvider {
  return {
    ...provider,
    options(found) {
      const { raw, faults = [] } = provider.options(found);
      const beside = found.types
        .map(prefixOf)
        .flatMap((prefix) => Object.keys(variables(env, prefix)).map((key) => prefix + key.toUpperCase()));
      const reason = `not beside ${PREFIX}URL: put it into the URL, or name the type in ${PREFIX}BACKEND`;
      return { raw, faults: [...faults, ...beside.map((path) => ({ path, reason }))] };
    },
  };
}

function prefixOf(type: string): string {
  return `ORBIT_${type.toUpperCase().replaceAll(/[^A-Z0-9]/g, "_")}_`;
}

function hasVariables(env: Environment, type: string): boolean {
  return Object.keys(variables(env, prefixOf(type))).length > 0;
}

/** The variables that start with a prefix, by the rest of their names in lower case. Empty ones count as unset. */
function variables(env: Environment, prefix: string): Readonly<Record<string, string>> {
  const own = Object.entries(env).filter((entry): entry is [string, string] => {
    const [name, value] = entry;
    return name.startsWith(prefix) && value !== undefined && value !== "" && !isServiceLink(name, value);
  });
  return Object.fromEntries(own.map(([name, value]) => [name.slice(prefix.length).toLowerCase(), value]));
}

function isServiceLink(name: string, value: string): boolean {
  return SERVICE_LINK.test(name) || (name.endsWith("_PORT") && /^(tcp|udp|sctp):\/\//.test(value));
}
