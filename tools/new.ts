// Makes a new package from a template and leaves it installed, formatted and passing its tests.
// Usage: pnpm new provider NAME
import { makeProvider, objection } from "./lib/provider.ts";
import { must } from "./lib/run.ts";
import { pnpm, root } from "./lib/workspace.ts";

async function main([kind, name, ...rest]: readonly string[]): Promise<void> {
  if (kind !== "provider" || name === undefined || rest.length > 0) {
    throw new Error("Say what to make: pnpm new provider NAME.");
  }
  const reason = objection(root, name);
  if (reason !== undefined) throw new Error(reason);
  const written = makeProvider(root, name);
  await must("oxfmt", [...written]);
  await must("npx", [...pnpm, "install"]);
  await must("tsc", ["-b", `packages/persistence-${name}`]);
  await must("npx", [...pnpm, "--filter", `./packages/persistence-${name}`, "run", "api:check", "--update"]);
  process.stdout.write(`${written.join("\n")}\n`);
  process.stdout.write(`Next: put calls to your client into packages/persistence-${name}/src/driver.ts.\n`);
}

try {
  await main(process.argv.slice(2));
} catch (cause) {
  process.stderr.write(`${cause instanceof Error ? cause.message : String(cause)}\n`);
  process.exitCode = 1;
}
