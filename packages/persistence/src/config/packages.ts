import { dirname, join } from "node:path";

import type { Files } from "../runtime/files.ts";
import { isTable } from "./fields.ts";

/** What this package reads of a package.json. */
export interface Manifest {
  /** The folder it stands in. */
  readonly folder: string;
  readonly manifest: Readonly<Record<string, unknown>>;
}

const MAX_MANIFEST_BYTES = 1 << 20;
const CONDITIONS: ReadonlySet<string> = new Set(["node", "import", "module-sync", "default"]);

/** Reads the package.json of the application that a directory belongs to: the nearest one, upwards. */
export async function findApplication(from: string, files: Files): Promise<Manifest | undefined> {
  for (const folder of upwards(from)) {
    const found = await readManifest(folder, files);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Finds an installed package as Node does: in `node_modules` of the directory or of one above it. */
export async function findPackage(name: string, from: string, files: Files): Promise<Manifest | undefined> {
  for (const folder of upwards(from)) {
    const found = await readManifest(join(folder, "node_modules", name), files);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Returns the file that `import "name"` loads, relative to the package's folder; `undefined` where there is none. */
export function entryOf(manifest: Manifest["manifest"]): string | undefined {
  const { exports, main } = manifest;
  if (exports === undefined || exports === null) return typeof main === "string" && main !== "" ? main : "index.js";
  const root = isTable(exports) && Object.keys(exports).some((key) => key.startsWith(".")) ? exports["."] : exports;
  const target = resolveTarget(root);
  return target?.startsWith("./") === true ? target : undefined;
}

/** The order of conditions is that of the package.json; the first that applies and leads somewhere counts. */
function resolveTarget(target: unknown): string | undefined {
  if (typeof target === "string") return target;
  const options: readonly unknown[] = Array.isArray(target)
    ? target
    : isTable(target)
      ? Object.entries(target)
          .filter(([condition]) => CONDITIONS.has(condition))
          .map(([, option]) => option)
      : [];
  for (const option of options) {
    const found = resolveTarget(option);
    if (found !== undefined) return found;
  }
  return undefined;
}

async function readManifest(folder: string, files: Files): Promise<Manifest | undefined> {
  try {
    const bytes = await files.read(join(folder, "package.json"), MAX_MANIFEST_BYTES);
    const manifest: unknown = JSON.parse(Buffer.from(bytes).toString("utf8"));
    return isTable(manifest) ? { folder, manifest } : undefined;
  } catch (error) {
    // Not there, or not a package.json at all: then there is no package here, as for Node.
    if (error instanceof SyntaxError || isMissing(error)) return undefined;
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  if (!(error instanceof Error) || !("code" in error)) return false;
  return ["ENOENT", "ENOTDIR", "EISDIR", "ENAMETOOLONG"].includes(String(error.code));
}

function* upwards(from: string): Generator<string> {
  for (let folder = from; ; folder = dirname(folder)) {
    yield folder;
    if (dirname(folder) === folder) return;
  }
}
