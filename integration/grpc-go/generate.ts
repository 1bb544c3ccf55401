// Writes gen, or the folder given, from packages/proto: node integration/grpc-go/generate.ts [folder]
// The generators are the tools of go.mod, so Go alone fixes their versions.
import { execFileSync } from "node:child_process";
import { join } from "node:path";

const root = import.meta.dirname;
const proto = join(root, "..", "..", "packages", "proto");
const [out] = process.argv.slice(2);

execFileSync(
  join(proto, "node_modules", ".bin", "buf"),
  ["generate", proto, "--path", join(proto, "proto", "orbit", "directory"), ...(out === undefined ? [] : ["-o", out])],
  { cwd: root, stdio: ["ignore", "inherit", "inherit"] },
);
