import { type Calls, type ContestantResult, type Figure, type GroupResult, isMet, type Result } from "./result.ts";

/** Writes a result as Markdown. */
export function toMarkdown(result: Result): string {
  const { machine, groups = [], figures = [], calls } = result;
  const facts = `Node ${machine.node}, ${machine.cpu}, ${machine.cores} cores, load before ${machine.loadBefore}.`;
  return [
    `\`pnpm bench ${result.name}\`${calls === undefined ? `: ${facts}` : ""}`,
    ...(result.warning === undefined ? [] : [`**Note:** ${result.warning}.`]),
    ...groups.map(groupTable),
    ...(figures.length === 0 ? [] : [figureTable(figures)]),
    ...(calls === undefined ? [] : [callTable(calls)]),
  ].join("\n\n");
}

/** Puts text between the markers of a name in a document. */
export function fillIn(document: string, name: string, text: string): string {
  const [start, end] = [`<!-- results: ${name} -->`, `<!-- end: ${name} -->`];
  const [from, to] = [document.indexOf(start), document.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`the document has no place between ${start} and ${end}`);
  return `${document.slice(0, from + start.length)}\n\n${text}\n\n${document.slice(to)}`;
}

function groupTable({ title, width, operations, rounds, contestants }: GroupResult): string {
  const way = width === 1 ? "awaited" : `${width} in flight`;
  return [
    `**${title}**, ${way} (${rounds} rounds of ${thousands(operations)})`,
    "",
    "| | operations a second | µs each | ratio | CPU s per 1,000 | goal |",
    "| --- | --- | --- | --- | --- | --- |",
    ...contestants.map(contestantRow),
  ].join("\n");
}

function contestantRow(result: ContestantResult, index: number): string {
  const { name, operationsPerSecond: speed, microseconds, ratio, cpuSecondsPerThousand } = result;
  const cells = [
    name,
    `${thousands(speed.median)} (${thousands(speed.min)} to ${thousands(speed.max)})`,
    digits(microseconds.median),
    index === 0 ? "1" : `${ratio.median.toFixed(2)} (${ratio.min.toFixed(2)} to ${ratio.max.toFixed(2)})`,
    cpuSecondsPerThousand.median.toPrecision(2),
    goalOf(result),
  ];
  return `| ${cells.join(" | ")} |`;
}

function goalOf(result: ContestantResult): string {
  const { goal, addedMicroseconds } = result;
  if (goal === undefined) return "";
  const verdict = isMet(result) === true ? "met" : "**missed**";
  if (goal.of === "ratio") return `at least ${goal.least}: ${verdict}`;
  return `adds at most ${goal.most} µs: ${verdict}, ${digits(addedMicroseconds.median)}`;
}

function figureTable(figures: readonly Figure[]): string {
  const rows = figures.map(({ name, value, unit, goal }) => {
    const verdict = goal === undefined ? "" : `at most ${goal.most}: ${value <= goal.most ? "met" : "**missed**"}`;
    return `| ${name} | ${thousands(value)} ${unit} | ${verdict} |`;
  });
  return ["| | | goal |", "| --- | --- | --- |", ...rows].join("\n");
}

function callTable(calls: Readonly<Record<string, Calls>>): string {
  const rows = Object.entries(calls).map(([name, counts]) => {
    const told = Object.entries(counts).map(([method, count]) => `${count} ${method}`);
    return `| ${name} | ${told.join(", ") || "none"} |`;
  });
  return ["| operation | driver calls |", "| --- | --- |", ...rows].join("\n");
}

function thousands(value: number): string {
  return value.toLocaleString("en-US", { maximumFractionDigits: value < 100 ? 1 : 0 });
}

function digits(value: number): string {
  return Math.abs(value) < 100 ? value.toFixed(2) : value.toFixed(0);
}
