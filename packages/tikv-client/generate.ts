// Writes src/gen, or the folder given, from proto/: pnpm --filter @orbit/tikv-client generate [folder]
import { execFileSync } from "node:child_process";
import { delimiter, join } from "node:path";

const root = import.meta.dirname;
const bin = join(root, "node_modules", ".bin");
const [out] = process.argv.slice(2);

const buf = (...args: readonly string[]): void => {
  const options = { cwd: root, env: { ...process.env, PATH: `${bin}${delimiter}${process.env["PATH"] ?? ""}` } };
  execFileSync(join(bin, "buf"), args, { ...options, stdio: ["ignore", "inherit", "inherit"] });
};

// buf writes below the folder that the template names; "-o" moves that folder's parent.
buf("lint");
buf("format", "--diff", "--exit-code");
buf("generate", "--clean", ...(out === undefined ? [] : ["-o", out]));
