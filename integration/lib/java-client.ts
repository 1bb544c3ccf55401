import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { run } from "../../tools/lib/run.ts";
import { type Given, type Line, play, steps } from "./scenario.ts";

const root = join(import.meta.dirname, "..", "..");
const source = join(root, "integration", "grpc-java");
const protocol = join(root, "packages", "proto", "proto");
const built = join(root, "node_modules", ".cache", "orbit", "grpc-java");
const stamp = join(built, "built-from");

const INSTALL = "on Debian run `apt-get install --yes openjdk-17-jdk-headless maven`.";
const MISSING_JDK = `A JDK is missing: install version 17 or later; ${INSTALL}`;
const MISSING_MAVEN = `Maven is missing: install version 3.8 or later; ${INSTALL}`;

/** Builds the client in Java with Maven, unless it stands there already, built from the same files. */
export async function buildJavaClient(): Promise<void> {
  if ((await run("javac", ["-version"])).code === 127) throw new Error(MISSING_JDK);
  const inputs = hashOf(source, protocol);
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === inputs) return;
  rmSync(built, { recursive: true, force: true });
  const { code, output } = await run("mvn", ["-B", "-ntp", "-q", "compile", `-Dout=${built}`], { cwd: source });
  if (code === 127) throw new Error(MISSING_MAVEN);
  if (code !== 0) throw new Error(`mvn compile failed in integration/grpc-java:\n${output}`);
  writeFileSync(stamp, inputs);
}

/** Runs a scenario of the client to its end and gives what was seen at each step. */
export function javaSteps(scenario: string, address: string, given?: Given): Promise<ReadonlyMap<string, Line>> {
  // The JVM lives for seconds: it starts sooner when it does not optimise.
  const options = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto"];
  const path = [join(built, "classes"), join(built, "lib", "*")].join(":");
  return steps(play("java", [...options, "-cp", path, "orbit.integration.Main", scenario, address], given));
}

/** A hash of the names and contents of all files in some folders. */
function hashOf(...folders: readonly string[]): string {
  const hash = createHash("sha256");
  for (const folder of folders) {
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true }).sort(byPath)) {
      if (!entry.isFile()) continue;
      const path = join(entry.parentPath, entry.name);
      hash.update(`${path}\n`).update(readFileSync(path));
    }
  }
  return hash.digest("hex");
}

function byPath(a: { readonly parentPath: string; readonly name: string }, b: typeof a): number {
  return join(a.parentPath, a.name) < join(b.parentPath, b.name) ? -1 : 1;
}
