import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { parseArgs } from "node:util";

import { loadConfig, type Provider, type StoreDriver, StoreError } from "@orbit/persistence";
import { wrapDriver } from "@orbit/persistence/driver";

import type { Harness } from "./harness.ts";
import { type ConformanceReport, type Progress, runConformance } from "./run.ts";
import { summaryOf } from "./summary.ts";
import { render } from "./table.ts";

/** What the command may touch of its process. */
export interface Io {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  readonly isTerminal: boolean;
  /** The directory from which plugins are resolved and where the report is written. */
  readonly directory: string;
  readonly signal: AbortSignal;
  /** Providers that need not be looked for. */
  readonly providers?: readonly Provider[];
}

const USAGE = `Usage: orbit-conformance <url> [options]

Proves that the store behind a URL, such as redis://localhost:6379, keeps the contract of @orbit/persistence.
The provider is found among the dependencies of the working directory. Many keys are written, each under a fresh
namespace: give a store that holds nothing else.

  --filter TEXT      only laws whose group or name holds this text
  --layers           prove it again through each layer
  --scale NUMBER     multiplies the rounds of races and lists; 1 by default
  --seed NUMBER      replays the random choices of an earlier run
  --proved-on TEXT   what the backend was, such as "redis 7.0.15"; stands in the report
  --output FILE      where the summary for a badge goes; conformance.json by default, not written with --filter
  --json             print the whole report as JSON
  --help             print this

Exit code: 0 every law holds, 1 a law is broken or the run was ended, 2 it could not be run.
`;

const OPTIONS = {
  filter: { type: "string" },
  layers: { type: "boolean" },
  scale: { type: "string" },
  seed: { type: "string" },
  "proved-on": { type: "string" },
  output: { type: "string" },
  json: { type: "boolean" },
} as const;

interface Flags {
  readonly url: string;
  readonly filter: string | undefined;
  readonly layers: boolean;
  readonly scale: number;
  readonly seed: number | undefined;
  readonly provedOn: string | undefined;
  readonly output: string | undefined;
  readonly json: boolean;
}

/** Runs the command `orbit-conformance`; returns its exit code. */
export async function main(args: readonly string[], io: Io): Promise<number> {
  if (args.includes("--help")) {
    io.out(USAGE);
    return 0;
  }
  const flags = readFlags(args);
  if (typeof flags === "string") {
    io.err(`${flags}\nSee orbit-conformance --help.\n`);
    return 2;
  }
  try {
    const report = await prove(flags, io);
    const { output = flags.filter === undefined ? "conformance.json" : undefined } = flags;
    if (output !== undefined) {
      await save(resolve(io.directory, output), `${JSON.stringify(summaryOf(report), undefined, 2)}\n`);
    }
    io.out(flags.json ? `${JSON.stringify(report, undefined, 2)}\n` : render(report, io.isTerminal));
    const ended = io.signal.aborted || report.laws.length === 0;
    return ended || report.laws.some(({ status }) => status === "failed") ? 1 : 0;
  } catch (error) {
    if (!StoreError.is(error)) throw error;
    io.err(`${error.message}\n`);
    return 2;
  }
}

async function save(path: string, text: string): Promise<void> {
  try {
    await writeFile(path, text);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new StoreError("INVALID_ARGUMENT", `--output: the summary can't be written: ${why}`, { cause });
  }
}

/** Reads the arguments; a text says what is wrong with them. */
function readFlags(args: readonly string[]): Flags | string {
  let parsed;
  try {
    parsed = parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  const { values, positionals } = parsed;
  const [url, ...others] = positionals;
  if (url === undefined || others.length > 0) return `Expected one URL, found ${positionals.length}.`;
  const scale = Number(values.scale ?? 1);
  if (!(scale > 0 && scale <= 1_000))
    return `--scale: expected a number above 0 and up to 1000, found ${values.scale}.`;
  const seed = values.seed === undefined ? undefined : Number(values.seed);
  if (seed !== undefined && !Number.isSafeInteger(seed))
    return `--seed: expected a whole number, found ${values.seed}.`;
  const { filter, output, layers = false, json = false } = values;
  return { url, filter, layers, scale, seed, provedOn: values["proved-on"], output, json };
}

async function prove(flags: Flags, io: Io): Promise<ConformanceReport> {
  const { providers = [], directory } = io;
  const config = await loadConfig({ url: flags.url }, { providers, from: directory });
  const [found] = config.providers;
  if (found === undefined) throw new StoreError("INVALID_CONFIG", "the URL names no provider");
  const { provider, options } = found;
  const first = provider.create(options);
  const shared = first.capabilities.scope === "process" ? shareOne(first) : undefined;
  try {
    // A backend that can't be reached is told once, and not by every law.
    await first.open();
  } finally {
    if (shared === undefined) await first.close();
  }
  const harness: Harness = {
    name: provider.name,
    open: () => shared?.handle() ?? provider.create(options),
    layers: flags.layers,
    scale: flags.scale,
    ...(flags.seed === undefined ? {} : { seed: flags.seed }),
  };
  try {
    return await runConformance(harness, {
      signal: io.signal,
      ...(flags.filter === undefined ? {} : { filter: flags.filter }),
      ...(flags.provedOn === undefined ? {} : { provedOn: flags.provedOn }),
      onProgress: (progress) => show(progress, flags.json, io),
    });
  } finally {
    await shared?.close();
  }
}

/**
 * A URL can't name data that lives in a process: each driver made from it would have its own. There one driver stands
 * for all: it is open already, and what the laws open and close are handles of it.
 */
function shareOne(driver: StoreDriver): { readonly handle: () => StoreDriver; readonly close: () => Promise<void> } {
  const handle = (): StoreDriver => {
    const closing = new AbortController();
    const wrapped = wrapDriver(driver, (_call, options, run) => run(options));
    const watch = wrapped.watch?.bind(wrapped);
    return {
      ...wrapped,
      // The driver goes on, so a handle ends its own streams.
      ...(watch && {
        watch: (range, options) => {
          const signals = [closing.signal, options?.signal].filter((signal) => signal !== undefined);
          return watch(range, { ...options, signal: AbortSignal.any(signals) });
        },
      }),
      open: async () => undefined,
      close: async () => closing.abort(),
    };
  };
  return { handle, close: () => driver.close() };
}

function show({ result, done, total }: Progress, quiet: boolean, io: Io): void {
  const { status, group, name, layer, failure } = result;
  const through = layer === undefined ? "" : `, through ${layer}`;
  if (io.isTerminal && !quiet) io.err(`\r${done}/${total} `);
  if (status === "failed") io.err(`\nBROKEN ${group} ${name}${through}\n${failure ?? ""}\n`);
}
