import { parse, TomlError } from "smol-toml";

import { SyntaxFault } from "./syntax.ts";

/** Reads TOML. Throws {@link SyntaxFault}. */
export function parseToml(text: string): unknown {
  try {
    // A number too large for a double becomes a bigint, so that it is refused with its key and not with its line.
    return parse(text, { integersAsBigInt: "asNeeded" });
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    // The error carries the lines of the document around the fault; its first line is a fixed sentence or is left out.
    const sentence = /^Invalid TOML document: ([a-z ,:-]+)$/im.exec(error.message)?.[1] ?? "not valid TOML";
    const position = lineStart(text, error.line) + error.column - 1;
    throw new SyntaxFault(text, position, sentence);
  }
}

function lineStart(text: string, line: number): number {
  let start = 0;
  for (let n = 1; n < line; n++) start = text.indexOf("\n", start) + 1;
  return start;
}
