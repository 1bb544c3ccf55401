import { type Outcome, run } from "./run.ts";

/** Programs that some tests need; without one they count as skipped. */
const PROGRAMS = [
  { name: "strace", shows: "that a write is flushed before it is acknowledged" },
  { name: "redis-server", shows: "the Redis provider" },
] as const;

/** Installs what is missing where it may, and says what to do where it may not. */
export async function installPrograms(): Promise<Outcome> {
  for (const { name, shows } of PROGRAMS) {
    if ((await run(name, ["--version"])).code === 0) continue;
    const command = `apt-get install --yes --no-install-recommends ${name}`;
    const mayInstall = process.getuid?.() === 0 && (await run("apt-get", ["--version"])).code === 0;
    // At this level no service is started, which some of them bring.
    const installed =
      mayInstall && (await run("sh", ["-c", `apt-get update -qq && RUNLEVEL=1 ${command} -qq`])).code === 0;
    if (!installed) process.stdout.write(`NOT CHECKED ${shows}: install ${name}, on Debian with: sudo ${command}\n`);
  }
  return { code: 0, output: "" };
}
