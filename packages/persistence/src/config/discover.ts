import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

import { CONTRACT } from "../contract/capabilities.ts";
import type { Provider } from "../contract/provider.ts";
import type { Files } from "../runtime/files.ts";
import type { DraftProvider, Wanted } from "./draft.ts";
import { describe, quote } from "./faults.ts";
import { isTable } from "./fields.ts";
import { isProvider } from "./from-tables.ts";
import { KNOWN_TYPES, knownPackage, sameName, SCOPE } from "./known.ts";
import { suggest } from "./nearest.ts";
import { entryOf, findApplication, findPackage, type Manifest } from "./packages.ts";
import type { Fault } from "./schema.ts";

/** A plugin among the application's dependencies, as its package.json tells under `orbit`. */
interface Plugin {
  readonly name: string;
  readonly types: readonly string[];
  readonly schemes: readonly string[];
}

const PACKAGE_NAME = /^(@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~-][a-z0-9._~-]*$/;

/**
 * Finds providers, in this order: passed in code; the package that the configuration names; the application's own
 * dependency that answers to the type or URL scheme, resolved from the application's directory.
 */
export class Discovery {
  readonly #given: readonly Provider[];
  readonly #from: string;
  readonly #files: Files;
  #plugins: Promise<readonly Plugin[]> | undefined;

  constructor(given: readonly Provider[], from: string, files: Files) {
    this.#given = given;
    this.#from = resolve(from);
    this.#files = files;
  }

  async find({ wanted, path }: Pick<DraftProvider, "wanted" | "path">): Promise<Provider | Fault> {
    const given = wanted.provider ?? this.#given.find((provider) => answers(provider, wanted));
    if (given !== undefined) return checked(given, wanted, path, "it");
    if (wanted.package !== undefined) return this.#load(wanted.package, wanted, path);
    this.#plugins ??= this.#findPlugins();
    const plugins = await this.#plugins;
    const [plugin, ...others] = plugins.filter((candidate) => answers(candidate, wanted));
    if (plugin === undefined) return { path, reason: this.#notFound(wanted, plugins) };
    if (others.length > 0) {
      const names = [plugin, ...others].map(({ name }) => name).join(" and ");
      return { path, reason: `${named(wanted)} is brought by ${names}: choose one with package` };
    }
    return this.#load(plugin.name, wanted, path);
  }

  async #findPlugins(): Promise<readonly Plugin[]> {
    const application = await findApplication(this.#from, this.#files);
    if (application === undefined) return [];
    const { dependencies, optionalDependencies, devDependencies } = application.manifest;
    const names = [dependencies, optionalDependencies, devDependencies].flatMap((part) =>
      isTable(part) ? Object.keys(part) : [],
    );
    const plugins = await Promise.all(
      [...new Set(names)].map(async (name): Promise<Plugin | undefined> => {
        if (!PACKAGE_NAME.test(name)) return undefined;
        const found = await findPackage(name, application.folder, this.#files);
        return found === undefined ? undefined : pluginOf(name, found);
      }),
    );
    return plugins.filter((plugin) => plugin !== undefined);
  }

  async #load(name: string, wanted: Wanted, path: string): Promise<Provider | Fault> {
    if (!PACKAGE_NAME.test(name))
      return { path, reason: `package: expected the name of a package, found ${quote(name)}` };
    const found = await findPackage(name, this.#from, this.#files);
    if (found === undefined) {
      return { path, reason: `${name} is not installed where the application stands: npm install ${name}` };
    }
    const entry = entryOf(found.manifest);
    if (entry === undefined) return { path, reason: `${name} has no main export that can be imported` };
    try {
      const module: unknown = await import(pathToFileURL(join(found.folder, entry)).href);
      const provider =
        typeof module === "object" && module !== null && "provider" in module ? module.provider : undefined;
      if (!isProvider(provider)) {
        const reason = `${name} exports no provider: expected an export named provider, found ${describe(provider, true)}`;
        return { path, reason };
      }
      return checked(provider, wanted, path, name);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message.split("\n", 1).join("") : String(cause);
      return { path, reason: `${name} could not be loaded: ${why}`, cause };
    }
  }

  #notFound(wanted: Wanted, plugins: readonly Plugin[]): string {
    const known = knownPackage(wanted);
    if (known !== undefined) return `${named(wanted)} is not installed: npm install ${known}`;
    const all = [...this.#given, ...plugins];
    const hint =
      wanted.type === undefined
        ? suggest(
            wanted.scheme ?? "",
            [...Object.values(KNOWN_TYPES), ...all].flatMap(({ schemes }) => schemes),
          )
        : suggest(wanted.type, [...Object.keys(KNOWN_TYPES), ...all.flatMap(({ types }) => types)]);
    const elsewhere = `a plugin from outside ${SCOPE} must be among the application's dependencies or named with package`;
    return `${named(wanted)} is unknown: ${hint} (${elsewhere})`;
  }
}

function named({ type, scheme }: Wanted): string {
  return type === undefined ? `the URL scheme ${scheme ?? ""}` : `the type ${quote(type)}`;
}

function answers({ types, schemes }: Pick<Plugin, "types" | "schemes">, { type, scheme }: Wanted): boolean {
  return (
    (type !== undefined && types.some((own) => sameName(own, type))) ||
    (scheme !== undefined && schemes.includes(scheme))
  );
}

function pluginOf(name: string, { manifest }: Manifest): Plugin | undefined {
  const orbit = manifest["orbit"];
  const told = isTable(orbit) ? orbit["provider"] : undefined;
  if (!isTable(told)) return undefined;
  return { name, types: texts(told["types"]), schemes: texts(told["schemes"]) };
}

function texts(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}

function checked(provider: Provider, wanted: Wanted, path: string, who: string): Provider | Fault {
  if (provider.contract !== CONTRACT) {
    const spoken = `${who} speaks contract ${provider.contract}, this version of ${SCOPE}/persistence speaks ${CONTRACT}`;
    return { path, reason: `${spoken}: install versions of both packages that match` };
  }
  if (wanted.provider !== undefined || answers(provider, wanted)) return provider;
  return { path, reason: `${who} answers to ${provider.types.join(", ")} and not to ${named(wanted)}` };
}
