import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** The folder of the repository. */
export const root: string = join(import.meta.dirname, "..", "..");

export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly private?: boolean;
  readonly publishConfig?: { readonly exports?: Readonly<Record<string, string>> };
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

export interface Package {
  /** The folder's name, which is the npm name without its scope. */
  readonly folder: string;
  readonly path: string;
  readonly manifest: Manifest;
}

/** Reads every package under packages/, in the order of their names. */
export function packages(from: string = root): readonly Package[] {
  return readdirSync(join(from, "packages"))
    .sort()
    .map((folder) => ({ folder, path: join(from, "packages", folder) }))
    .filter(({ path }) => existsSync(join(path, "package.json")))
    .map((found) => ({ ...found, manifest: readJson<Manifest>(join(found.path, "package.json")) }));
}

export function readJson<T>(path: string): T {
  return JSON.parse(readFileSync(path, "utf8")) as T;
}

/** The npm scope that names in this repository carry; a release may put another in its place. */
export const scope: string = readJson<Manifest>(join(root, "packages", "persistence", "package.json")).name.replace(
  /\/.*/,
  "",
);

/** The pinned pnpm, brought by npx so that nobody has to install it. */
export const pnpm: readonly string[] = [
  "--yes",
  readJson<{ packageManager: string }>(join(root, "package.json")).packageManager,
];
