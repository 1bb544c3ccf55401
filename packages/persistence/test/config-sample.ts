import { expect } from "vitest";

import {
  boolean,
  bytes,
  defineOptions,
  group,
  integer,
  list,
  type OptionsSchema,
  path,
  type Provider,
  seconds,
  secret,
  StoreError,
  table,
  text,
} from "../src/driver.ts";
import { type ConfigSource, faultsOf, loadConfig, type LoadOptions } from "../src/index.ts";
import { mapDriver } from "../src/testing/index.ts";

export interface SampleOptions {
  readonly endpoints: readonly string[];
  readonly prefix?: string;
  readonly username?: string;
  readonly password?: string;
  readonly retryCount: number;
  readonly enableSsl: boolean;
  readonly connectionTimeoutMs: number;
  readonly cacheSize: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly diskBackup?: { readonly path: string; readonly syncIntervalMs: number };
}

const options: OptionsSchema<SampleOptions> = defineOptions<SampleOptions>({
  endpoints: list({ key: "endpoints", doc: "Hosts.", default: ["127.0.0.1:1"], url: "hosts" }),
  prefix: text({ key: "prefix", doc: "Stands before keys.", url: "path" }),
  username: text({ key: "username", doc: "Who.", url: "username" }),
  password: secret({ key: "password", doc: "Lets one in.", url: "password" }),
  retryCount: integer({ key: "retry_count", doc: "Attempts.", default: 3 }),
  enableSsl: boolean({ key: "enable_ssl", doc: "TLS.", default: true }),
  connectionTimeoutMs: seconds({ key: "connection_timeout", doc: "Patience.", default: 30_000 }),
  cacheSize: bytes({ key: "cache_size", doc: "Memory.", default: 1 << 20 }),
  labels: table({ key: "labels", doc: "Labels." }),
  diskBackup: group<NonNullable<SampleOptions["diskBackup"]>>({
    key: "disk_backup",
    doc: "Backup.",
    fields: {
      path: path({ key: "path", doc: "File.", required: true }),
      syncIntervalMs: seconds({ key: "sync_interval", doc: "Pace.", default: 60_000 }),
    },
  }),
});

/** A provider with an option of nearly every kind. It answers to a type that has a package of its own, Etcd. */
export const sample: Provider<SampleOptions> = {
  name: "sample",
  contract: 1,
  types: ["Etcd", "Sample"],
  schemes: ["etcd", "sample"],
  options,
  create: () => mapDriver(),
};

/** Loads with the sample provider at hand. */
export async function loadOptions(source: ConfigSource): Promise<SampleOptions> {
  const { providers } = await loadConfig(source, { providers: [sample] });
  expect(providers).toHaveLength(1);
  return providers[0]?.options as SampleOptions;
}

/** Returns the error that work throws, which must be a StoreError. */
export async function thrownBy(work: () => unknown): Promise<StoreError> {
  try {
    await work();
  } catch (error) {
    if (error instanceof StoreError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

/** Returns the faults of a configuration, one text each. */
export async function faultsIn(source: ConfigSource, load: LoadOptions = { providers: [sample] }): Promise<string[]> {
  const error = await thrownBy(() => loadConfig(source, load));
  expect(error.code).toBe("INVALID_CONFIG");
  expect(error.retryable).toBe(false);
  const faults = faultsOf(error).map((fault) => `${fault.path}: ${fault.reason}`);
  for (const fault of faults) expect(error.message).toContain(fault);
  return faults;
}
