import { styleText } from "node:util";

import type { ConformanceReport } from "./run.ts";

type Row = readonly [string, string, string, string, string, string, string];

/** Prints a report as a table with a verdict below it. */
export function render(report: ConformanceReport, colours: boolean): string {
  const rows: Row[] = report.groups.map((result) => {
    const { group, title, layer, status, passed, failed, notApplicable, notGiven } = result;
    const name = layer === undefined ? `${group} ${title}` : `${group} ${title}, through ${layer}`;
    return [name, status, `${passed}`, `${failed}`, `${notApplicable}`, `${notGiven}`, status];
  });
  const head: Row = ["group", "status", "passed", "failed", "not applicable", "not given", ""];
  const widths = [0, 1, 2, 3, 4, 5].map((at) => Math.max(...[head, ...rows].map((row) => (row[at] ?? "").length)));
  const lines = [head, ...rows].map((row) => {
    const text = widths.map((width, at) => (at < 2 ? row[at]?.padEnd(width) : row[at]?.padStart(width))).join("  ");
    return paint(text, row[6], colours);
  });
  return `${lines.join("\n")}\n${verdict(report, colours)}\n`;
}

function verdict({ provider, laws, conformant, durationMs, provedOn }: ConformanceReport, colours: boolean): string {
  const failed = laws.filter(({ status }) => status === "failed").length;
  const notGiven = laws.filter(({ status }) => status === "not-given").length;
  const where = provedOn === undefined ? "" : ` on ${provedOn}`;
  const unproved = notGiven === 0 ? "" : `, ${notGiven} not given`;
  const counted = `${laws.length} laws, ${failed} broken${unproved}, in ${(durationMs / 1_000).toFixed(1)} s`;
  if (conformant) return paint(`${provider} is conformant${where}: ${counted}`, "passed", colours);
  if (failed > 0) return paint(`${provider} is not conformant${where}: ${counted}`, "failed", colours);
  return `${provider} was not proved in full${where}: ${counted}`;
}

function paint(text: string, status: string, colours: boolean): string {
  if (!colours) return text;
  if (status === "failed") return styleText("red", text);
  return status.startsWith("not-") ? styleText("dim", text) : text;
}
