import { writeFile } from "node:fs/promises";

import { loadConfig } from "@orbit/persistence";
import { type ConformanceReport, runConformance } from "@orbit/persistence-conformance";

import { CommandFailure, type Io, painter } from "../io.ts";
import { BUNDLED, sharedMemory } from "../settings.ts";
import { duration, table } from "../table.ts";

export interface ConformanceFlags {
  readonly filter?: string;
  readonly layers?: boolean;
  readonly json?: boolean;
  readonly output?: string;
}

/** Runs the conformance kit on the store of a URL. */
export async function conformance(url: string, flags: ConformanceFlags, io: Io): Promise<number> {
  const [btree] = BUNDLED;
  const config = await loadConfig({ url }, { providers: [...(btree === undefined ? [] : [btree]), sharedMemory()] });
  const [store] = config.providers;
  if (store === undefined) throw new CommandFailure(`${url} names no store`);
  const { provider, options } = store;
  const paint = painter(io);
  const report = await runConformance(
    { name: provider.name, open: () => provider.create(options), layers: flags.layers === true },
    {
      signal: io.signal,
      ...(flags.filter === undefined ? {} : { filter: flags.filter }),
      onProgress: ({ result, done, total }) => {
        if (flags.json === true) return;
        if (result.status === "failed") io.err(`${paint("red", "FAIL")} ${result.name}\n${result.failure ?? ""}\n`);
        else if (io.isTerminal) io.err(`\r${done}/${total} `);
      },
    },
  );
  const text = JSON.stringify(report, undefined, 2);
  if (flags.output !== undefined) await writeFile(flags.output, `${text}\n`);
  io.out(flags.json === true ? `${text}\n` : render(report, paint));
  return report.laws.some(({ status }) => status === "failed") || report.laws.length === 0 ? 1 : 0;
}

function render(
  { provider, groups, laws, conformant, durationMs }: ConformanceReport,
  paint: ReturnType<typeof painter>,
): string {
  const rows = groups.map(({ group, title, layer, status, passed, failed, notApplicable }) => {
    return [group, title, layer ?? "-", status, `${passed}`, `${failed}`, `${notApplicable}`];
  });
  const failed = laws.filter(({ status }) => status === "failed").length;
  const verdict = conformant
    ? paint("green", "conformant")
    : failed > 0
      ? paint("red", "not conformant")
      : "not complete";
  const headings = ["", "GROUP", "LAYER", "STATUS", "PASSED", "FAILED", "NOT APPLICABLE"];
  const total = `${laws.length} laws, ${failed} broken, in ${duration(durationMs)}`;
  return `${rows.length === 0 ? "" : table(headings, rows)}${provider} is ${verdict}: ${total}\n`;
}
