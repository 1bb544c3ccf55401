import {
  type Fault,
  faultsOf,
  loadConfig,
  type PersistenceConfig,
  type Provider,
  readConfigFile,
  StoreError,
} from "@orbit/persistence";
import { provider as btree } from "@orbit/persistence-btree";
import { memory, memoryData, provider as memoryProvider } from "@orbit/persistence-memory";
import { type ServerOptions, serverOptions } from "@orbit/server";

import type { Io } from "./io.ts";

/** What the server runs with. */
export interface Settings {
  readonly server: ServerOptions;
  readonly persistence: PersistenceConfig;
  /** Whether no store was named, so that the embedded one is used. */
  readonly embedded: boolean;
}

/** Options of the server as given on the command line, by their names in files. */
export type Flags = Readonly<Record<string, string | undefined>>;

type Table = Readonly<Record<string, unknown>>;

const PERSISTENCE_PREFIX = "ORBIT_PERSISTENCE_";
const DEFAULT_DATA = ".orbit/data";

/** The stores that come with this command; others are found among the application's dependencies. */
export const BUNDLED: readonly Provider[] = [btree, memoryProvider];

/** Memory that every driver of this process shares, so that a second one sees what the first wrote. */
export function sharedMemory(): typeof memoryProvider {
  const data = memoryData();
  return { ...memoryProvider, create: (options) => memory(options, { data }) };
}

/**
 * Reads the settings: the command line over variables over the file over the defaults.
 *
 * @throws StoreError `INVALID_CONFIG` naming every fault at once.
 */
export async function loadSettings(file: string | undefined, flags: Flags, { env }: Io): Promise<Settings> {
  const { server: table = {}, ...document } = file === undefined ? {} : await readConfigFile(file);
  const faults: Fault[] = [];
  const server: Partial<ServerOptions> = {
    ...read(table, "file", "server.", faults),
    ...read(serverVariables(env), "env", "ORBIT_", faults),
    ...read(given(flags), "url", "--", faults),
  };
  try {
    const { config, embedded } = await persistenceOf(document, file, env);
    if (faults.length === 0) return { server: serverOptions.resolve(server), persistence: config, embedded };
  } catch (error) {
    const found = faultsOf(error);
    if (found.length === 0) throw error;
    faults.push(...found);
  }
  const lines = faults.map(({ path, reason }) => `- ${path}: ${reason}`);
  const where = file === undefined ? "" : `${file}: `;
  throw new StoreError("INVALID_CONFIG", `${where}${faults.length} wrong\n${lines.join("\n")}`, { cause: { faults } });
}

/** Reads one source of server options; only what is given there comes out, so that sources can stand over each other. */
function read(raw: unknown, source: "file" | "env" | "url", prefix: string, faults: Fault[]): Partial<ServerOptions> {
  if (!isTable(raw)) {
    faults.push({ path: "server", reason: "expected a table" });
    return {};
  }
  const parsed = serverOptions.parse(raw, source, prefix);
  if (!parsed.ok) {
    const dashed = (path: string): string => (source === "url" ? path.replaceAll("_", "-") : path);
    faults.push(...parsed.faults.map(({ path, reason }) => ({ path: dashed(path), reason })));
    return {};
  }
  const names = serverOptions.fields
    .filter(({ key }) => Object.hasOwn(raw, key.split(".", 1)[0] ?? "") || Object.hasOwn(raw, key.replace(".", "_")))
    .map(({ name }) => name.split(".", 1)[0]);
  return Object.fromEntries(Object.entries(parsed.options).filter(([name]) => names.includes(name)));
}

/** The variables that name an option of the server; empty ones count as unset. */
function serverVariables(env: Io["env"]): Table {
  const entries = serverOptions.fields.flatMap(({ key }): [string, string][] => {
    const flat = key.replace(".", "_");
    const value = env[`ORBIT_${flat.toUpperCase()}`];
    // Kubernetes sets ORBIT_PORT to a URL where there is a Service named orbit.
    return value === undefined || value === "" || /^(tcp|udp|sctp):\/\//.test(value) ? [] : [[flat, value]];
  });
  return Object.fromEntries(entries);
}

function given(flags: Flags): Table {
  return Object.fromEntries(Object.entries(flags).filter(([, value]) => value !== undefined));
}

async function persistenceOf(
  document: Table,
  file: string | undefined,
  env: Io["env"],
): Promise<{ readonly config: PersistenceConfig; readonly embedded: boolean }> {
  const options = { providers: BUNDLED };
  const variables = Object.keys(env).filter((name) => name.startsWith(PERSISTENCE_PREFIX) && env[name] !== "");
  if (Object.keys(document).length > 0) {
    const [variable] = variables;
    if (variable !== undefined) {
      const reason = `names a store beside those in ${file ?? "the file"}: keep one of the two`;
      throw new StoreError("INVALID_CONFIG", `${variable}: ${reason}`, {
        cause: { faults: [{ path: variable, reason }] },
      });
    }
    return { config: await loadConfig({ table: document }, options), embedded: false };
  }
  try {
    return { config: await loadConfig({ env }, options), embedded: false };
  } catch (error) {
    // Without any variable of a store this is what is missing, and the embedded store stands in.
    const missing = faultsOf(error).every(({ path, reason }) => {
      return path === `${PERSISTENCE_PREFIX}BACKEND` && reason.startsWith("missing: name the type");
    });
    if (!missing || variables.length > 0 || faultsOf(error).length === 0) throw error;
  }
  const path = env["ORBIT_DATA_DIR"] || DEFAULT_DATA;
  const object = { providers: { embedded: { provider: btree, options: { path } } } };
  return { config: await loadConfig({ object }, options), embedded: true };
}

function isTable(value: unknown): value is Table {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
