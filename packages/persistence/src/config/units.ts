const UNITS: readonly (readonly [string, number])[] = [
  ["TiB", 2 ** 40],
  ["GiB", 2 ** 30],
  ["MiB", 2 ** 20],
  ["KiB", 2 ** 10],
  ["TB", 1e12],
  ["GB", 1e9],
  ["MB", 1e6],
  ["KB", 1e3],
  ["B", 1],
];

/** Reads `4096`, `64MB` or `1.5 GiB`; `undefined` where it is no size or no whole number of bytes. */
export function parseBytes(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text.trim());
  if (match === null) return undefined;
  const [, amount = "", unit = ""] = match;
  const found = UNITS.find(([name]) => name.toLowerCase() === (unit === "" ? "b" : unit.toLowerCase()));
  const exact = found === undefined ? Number.NaN : Number(amount) * found[1];
  // 1.1 x 1000 is a little more than 1100 in binary fractions.
  const size = Math.round(exact);
  return Number.isSafeInteger(size) && Math.abs(exact - size) < 1e-3 ? size : undefined;
}

/** Writes a size in the largest unit that divides it. */
export function formatBytes(size: number): string {
  const [name, factor] = UNITS.find(([, unit]) => size >= unit && size % unit === 0) ?? ["B", 1];
  return name === "B" ? String(size) : `${size / factor}${name}`;
}
