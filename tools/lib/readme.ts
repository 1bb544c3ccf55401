/** What the head of a package's README tells its reader to do. */
export interface Quickstart {
  /** The packages that its install line names. */
  readonly installs: readonly string[];
  /** Its first block of TypeScript. */
  readonly code: string;
}

/** Reads the install line and the first TypeScript block of a README. Throws where one of them is missing. */
export function quickstartOf(readme: string, name: string): Quickstart {
  const install = /^\s*npm install (.+)$/m.exec(readme)?.[1];
  if (install === undefined) throw new Error(`The README of ${name} has no line "npm install ${name}".`);
  const code = /^```ts\n([^]*?)^```$/m.exec(readme)?.[1];
  if (code === undefined) throw new Error(`The README of ${name} has no block of TypeScript (\`\`\`ts) to run.`);
  return { installs: install.split(/\s+/).filter((word) => !word.startsWith("-")), code };
}

/** The packages that some TypeScript imports, without those of Node itself. */
export function importsOf(code: string): readonly string[] {
  const specifiers = [...code.matchAll(/^\s*import\s[^"]*"([^"]+)"/gm)].map(([, specifier = ""]) => specifier);
  const names = specifiers
    .filter((specifier) => !specifier.startsWith("node:"))
    .map((specifier) => specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/"));
  return [...new Set(names)];
}
