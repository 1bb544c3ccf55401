/** One sample of a scrape. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*/;
const LABEL = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"/;
const SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  counter: [""],
  gauge: [""],
  histogram: ["_bucket", "_sum", "_count"],
  summary: ["", "_sum", "_count"],
};

/**
 * Reads Prometheus' text format as strictly as promtool does: every family has one HELP and one TYPE before its samples,
 * stands together, has no series twice, and its buckets grow up to a +Inf that equals the count.
 */
export function parseExposition(text: string): readonly Sample[] {
  if (!text.endsWith("\n")) throw new Error("the last line must end");
  const samples: Sample[] = [];
  const families = new Set<string>();
  const series = new Set<string>();
  let family: { readonly name: string; type?: string } | undefined;
  for (const line of text.slice(0, -1).split("\n")) {
    if (line === "") continue;
    const head = /^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)$/.exec(line);
    if (head !== null) {
      const [, kind, name = "", rest = ""] = head;
      if (kind === "HELP") {
        if (families.has(name)) throw new Error(`family twice: ${name}`);
        families.add(name);
        family = { name };
      } else {
        if (family?.name !== name || family.type !== undefined) throw new Error(`TYPE out of place: ${line}`);
        if (!(rest in SUFFIXES)) throw new Error(`unknown type: ${line}`);
        family.type = rest;
      }
      continue;
    }
    const sample = parseSample(line);
    const { name, type } = family ?? {};
    if (!SUFFIXES[type ?? ""]?.some((suffix) => sample.name === `${name}${suffix}`)) {
      throw new Error(`sample outside of its family: ${line}`);
    }
    const id = JSON.stringify([sample.name, Object.entries(sample.labels).map(String).sort()]);
    if (series.has(id)) throw new Error(`series twice: ${line}`);
    series.add(id);
    samples.push(sample);
  }
  checkHistograms(samples);
  return samples;
}

function parseSample(line: string): Sample {
  const name = NAME.exec(line)?.[0];
  if (name === undefined) throw new Error(`no metric name: ${line}`);
  const labels: Record<string, string> = {};
  let rest = line.slice(name.length);
  if (rest.startsWith("{")) {
    rest = rest.slice(1);
    while (!rest.startsWith("}")) {
      const label = LABEL.exec(rest);
      if (label === null) throw new Error(`bad labels: ${line}`);
      const [whole, key = "", raw = ""] = label;
      if (key in labels) throw new Error(`label twice: ${line}`);
      labels[key] = raw.replaceAll(/\\(["\\n])/g, (_, char: string) => (char === "n" ? "\n" : char));
      rest = rest.slice(whole.length);
      if (rest.startsWith(",")) rest = rest.slice(1);
      else if (!rest.startsWith("}")) throw new Error(`bad labels: ${line}`);
    }
    rest = rest.slice(1);
  }
  if (!/^ (-?\d+(\.\d+)?(e[+-]?\d+)?|\+Inf|-Inf|NaN|Nan)$/.test(rest)) throw new Error(`bad value: ${line}`);
  return { name, labels, value: rest === " +Inf" ? Infinity : Number(rest) };
}

function checkHistograms(samples: readonly Sample[]): void {
  const buckets = Map.groupBy(
    samples.filter(({ name }) => name.endsWith("_bucket")),
    ({ name, labels }) => {
      const others = Object.entries(labels).filter(([key]) => key !== "le");
      return JSON.stringify([name.replace(/_bucket$/, ""), Object.fromEntries(others)]);
    },
  );
  for (const [id, series] of buckets) {
    const values = series.map(({ value }) => value);
    if (values.some((value, at) => value < (values[at - 1] ?? 0))) throw new Error(`buckets fall: ${id}`);
    if (series.at(-1)?.labels["le"] !== "+Inf") throw new Error(`no +Inf: ${id}`);
    const count = samples.find(({ name, labels }) => {
      return JSON.stringify([name.replace(/_count$/, ""), labels]) === id && name.endsWith("_count");
    });
    if (count?.value !== values.at(-1)) throw new Error(`+Inf is not the count: ${id}`);
  }
}
